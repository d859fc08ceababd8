"""Put the weights of a file together for one of our networks."""

from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from pipeline.exchange.foreign_weights.chain import Chain, ForeignWeightsError, Layer, Norm, Values
from pipeline.exchange.foreign_weights.layouts import OURS
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.settings.architectures import NETWORKS

# By name, so that a stage depends on the code of its own network alone.
_SETTINGS = {settings.__name__: settings for settings in NETWORKS.values()}


def settings_of(chain: Chain, architecture: str) -> Model:
    """Return the settings of the network that a file holds.

    Args:
        chain: What was read.
        architecture: Which of our networks it is to be; one of ``chain.architectures``.

    Raises:
        ForeignWeightsError: No settings of this network give such layers.
    """
    layers = chain.layers
    if architecture not in chain.architectures:
        raise ForeignWeightsError(
            f"the file holds a {' or '.join(chain.architectures)}, not a {architecture}"
        )
    channels, width, depth = layers[0].inputs, layers[0].outputs, len(layers)
    widths = [(channels, width), *[(width, width)] * (depth - 2), (width, channels)]
    for one, (inputs, outputs) in zip(layers, widths, strict=False):
        if (one.inputs, one.outputs) != (inputs, outputs):
            raise ForeignWeightsError(
                f"{one.where}: expected {inputs} inputs and {outputs} outputs in a {architecture} "
                f"of {channels} channel(s) whose first layer has {width} outputs; came "
                f"{one.inputs} and {one.outputs}: this is another network"
            )
    settings: dict[str, Any] = {"channels": channels, "width": width, "depth": depth}
    normalised = [one.where for one in layers if one.norm]
    if architecture == "DnCNN":
        settings |= {"batch_norm": bool(normalised), "residual": True}
    elif normalised:
        raise ForeignWeightsError(f"{normalised[0]}: a {architecture} has no normalisation")
    elif architecture == "RedNet":
        settings["skips"] = True
    try:
        model = _SETTINGS[architecture](**settings)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ForeignWeightsError(
            f"a {architecture} cannot have {'.'.join(map(str, fault['loc']))} {fault['input']}: "
            f"{fault['msg']}"
        ) from error
    _check_topology(chain, model)
    return model


def fits(found: Model, model: Model) -> bool:
    """Tell whether weights of the settings ``found`` can be those of ``model``."""
    if getattr(found, "batch_norm", False):
        return model in (found, found.model_copy(update={"batch_norm": False}))
    return model == found


def assemble(chain: Chain, model: Model) -> dict[str, Tensor]:
    """Return the state dict of our network with the weights of a file.

    Normalisation is merged into the convolutions, in double precision, when ``model`` has none;
    otherwise it is kept, and its statistics account for our epsilon.

    Args:
        chain: What was read.
        model: Architecture and size of our network.

    Raises:
        ForeignWeightsError: The weights are not those of such a network.
    """
    architecture = type(model).__name__
    found = settings_of(chain, architecture)
    if not fits(found, model):
        raise ForeignWeightsError(
            f"the file holds {describe(found)}; expected {describe(model)}. Use a model entry "
            f"{as_entry(found)}"
        )
    keep = bool(getattr(model, "batch_norm", False))
    table = OURS[architecture]
    slots = table.slots(len(chain.layers), keep)
    layers = [one if keep else _merged(one) for one in chain.layers]
    if chain.residual not in {None, table.residual}:
        layers[-1] = _negated(layers[-1])
    tensors: dict[str, Tensor] = {}
    for slot, one in zip(slots, layers, strict=True):
        if (one.norm is None) != (slot.norm is None):
            raise ForeignWeightsError(
                f"{one.where}: expected a normalisation behind every layer but the first and the "
                "last one; use a model entry with batch_norm: false, which merges them"
            )
        tensors[f"{slot.convolution}.weight"] = _tensor(one.weight)
        if slot.biased:
            tensors[f"{slot.convolution}.bias"] = _tensor(one.bias)
        if slot.norm and one.norm:
            statistics = _with_our_epsilon(one.norm, one.bias, table.epsilon)
            tensors |= {f"{slot.norm}.{name}": value for name, value in statistics.items()}
            tensors[slot.counter] = torch.zeros((), dtype=torch.int64)
    return tensors


def build(model: Model, weights: dict[str, Tensor]) -> nn.Module:
    """Return our network with imported weights, after trying it on a random image.

    Raises:
        ForeignWeightsError: What comes out is not all finite.
    """
    network = build_model(model, seed=0).eval()
    network.load_state_dict(weights)
    side = model.image_size or 64
    image = torch.rand(1, model.planes, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        restored = network(image)
    if not restored.isfinite().all():
        raise ForeignWeightsError("the network makes infinite values of a random image")
    return network


def describe(model: Model) -> str:
    """Say what settings mean, in words."""
    kind, sizes = type(model).__name__, model.model_dump()
    if kind not in OURS:
        return f"a {kind} of {as_entry(model)}"
    plural = "" if model.input_channels == 1 else "s"
    words = f"a {kind} of {sizes['depth']} layers, {sizes['width']} wide, "
    words += f"{model.input_channels} channel{plural}"
    if kind == "DnCNN":
        words += f", with{'' if sizes['batch_norm'] else 'out'} normalisation"
        words += "" if sizes["residual"] else ", without the image in the sum"
    if kind == "RedNet" and not sizes["skips"]:
        words += ", without skips"
    return words


def as_entry(model: Model) -> str:
    """Return settings as they are written in ``params.yaml``."""
    pairs = (f"{key}: {str(value).lower()}" for key, value in model.model_dump().items())
    return f"{{{', '.join(pairs)}}}"


def _check_topology(chain: Chain, model: Model) -> None:
    kind = type(model).__name__
    if chain.skips is None or kind not in OURS:
        return
    depth: int = model.model_dump()["depth"]
    expected = {depth - 1: 0}
    half = depth // 2
    if kind == "RedNet":
        # Every second feature map of the encoder is added to its mirror in the decoder.
        expected = {
            half + decoded - 1: half - decoded
            for decoded in range(1, half + 1)
            if (half - decoded) % 2 == 0
        }
    if dict(chain.skips) != expected or [one.transposed for one in chain.layers] != [
        kind == "RedNet" and position >= half for position in range(depth)
    ]:
        raise ForeignWeightsError(
            f"expected the sums of {describe(model)}, (layer: what is added) {expected}; came "
            f"{dict(chain.skips)}: this is another network"
        )


def _negated(one: Layer) -> Layer:
    return Layer(one.where, -one.weight, -one.bias, one.norm, one.transposed)


def _merged(one: Layer) -> Layer:
    if one.norm is None:
        return one
    factor = one.norm.gain / one.norm.deviation
    shape = (1, -1, 1, 1) if one.transposed else (-1, 1, 1, 1)
    bias = (one.bias - one.norm.mean) * factor + one.norm.offset
    return Layer(one.where, one.weight * factor.reshape(shape), bias, None, one.transposed)


def _with_our_epsilon(norm: Norm, bias: Values, epsilon: float) -> dict[str, Tensor]:
    """Return the tensors of a normalisation that does the same with another epsilon.

    Our convolutions have no bias before it: theirs goes into the mean.
    """
    # Below our epsilon no variance gives the deviation: the gain makes up for it.
    variance = np.maximum(norm.deviation**2 - epsilon, 0)
    gain = norm.gain * np.where(variance > 0, 1, np.sqrt(epsilon) / norm.deviation)
    return {
        "weight": _tensor(gain),
        "bias": _tensor(norm.offset),
        "running_mean": _tensor(norm.mean - bias),
        "running_var": _tensor(variance),
    }


def _tensor(values: Values) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
