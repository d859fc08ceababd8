"""Networks as other people's code builds them, and files as their tools write them.

What is built here follows the public code and not our tables: the names of the tensors are
those that torch gives to such modules, the arrays those that MATLAB would save.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.signal import convolve2d, correlate2d
from torch import Tensor, nn

from pipeline.exchange.foreign_weights.chain import Chain
from pipeline.exchange.foreign_weights.reading import read

Array = NDArray[Any]


def read_network(path: Path, layout: str | None) -> tuple[str, Chain]:
    """Return the layout of a file, and the network in it, before it becomes one of ours."""
    return read(
        path, layout, None, of_chain=lambda found, chain: (found, chain), of_own=lambda _: None
    ).content


def randomise(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give a network weights and statistics under which every tensor matters to the output."""
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor: Tensor, low: float, high: float) -> None:
        with torch.no_grad():
            tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=generator))

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            reach = 2.0 / (9 * module.in_channels) ** 0.5
            draw(module.weight, -reach, reach)
            if module.bias is not None:
                draw(module.bias, -0.1, 0.1)
        elif isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            # Small variances show a wrong epsilon, and small gains keep the output in bounds.
            draw(module.running_var, 0.001, 0.05)  # type: ignore[arg-type]
            draw(module.weight, 0.02, 0.2)
            draw(module.bias, -0.1, 0.1)
            draw(module.running_mean, -0.1, 0.1)
    return network.eval()


# ------------------------------------------------------------------- networks of others


class ForeignDnCNN(nn.Module):
    """Noise is predicted by one sequence, called as its authors call it."""

    def __init__(
        self,
        attribute: str,
        *,
        channels: int,
        width: int,
        depth: int,
        normalised: bool,
        epsilon: float,
        biases: tuple[bool, bool, bool],
    ) -> None:
        super().__init__()
        first, inner, last = biases
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=first), nn.ReLU()]
        for _ in range(depth - 2):
            layers.append(nn.Conv2d(width, width, 3, padding=1, bias=inner))
            if normalised:
                layers.append(nn.BatchNorm2d(width, eps=epsilon))
            layers.append(nn.ReLU())
        layers.append(nn.Conv2d(width, channels, 3, padding=1, bias=last))
        self.attribute = attribute
        setattr(self, attribute, nn.Sequential(*layers))

    def forward(self, image: Tensor) -> Tensor:
        noise: Tensor = getattr(self, self.attribute)(image)
        return image - noise


def kair(channels: int, width: int, depth: int, normalised: bool) -> nn.Module:
    return ForeignDnCNN(
        "model",
        channels=channels,
        width=width,
        depth=depth,
        normalised=normalised,
        epsilon=1e-4,
        biases=(True, True, True),
    )


def cszn(channels: int, width: int, depth: int, normalised: bool = True) -> nn.Module:
    return ForeignDnCNN(
        "dncnn",
        channels=channels,
        width=width,
        depth=depth,
        normalised=normalised,
        epsilon=1e-4,
        biases=(True, False, False),
    )


def saoyan(channels: int, width: int, depth: int, normalised: bool = True) -> nn.Module:
    return ForeignDnCNN(
        "dncnn",
        channels=channels,
        width=width,
        depth=depth,
        normalised=normalised,
        epsilon=1e-5,
        biases=(False, False, False),
    )


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.relu = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        activated: Tensor = self.relu(self.conv(features))
        return activated


class TwtygqyyVDSR(nn.Module):
    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.residual_layer = nn.Sequential(*(_Block(width) for _ in range(depth - 2)))
        self.input = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.output = nn.Conv2d(width, channels, 3, padding=1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        detail: Tensor = self.output(self.residual_layer(torch.relu(self.input(image))))
        return image + detail


class TwtygqyyFirstVDSR(nn.Module):
    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in [channels, *[width] * (depth - 2)]:
            layers += [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.ReLU()]
        layers.append(nn.Conv2d(width, channels, 3, padding=1, bias=False))
        self.features = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        detail: Tensor = self.features(image)
        return image + detail


class LornatangVDSR(nn.Module):
    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.conv1 = nn.Sequential(first, nn.ReLU())
        self.trunk = nn.Sequential(*(_Block(width) for _ in range(depth - 2)))
        self.conv2 = nn.Conv2d(width, channels, 3, padding=1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        detail: Tensor = self.conv2(self.trunk(self.conv1(image)))
        return image + detail


class Yjn870RedNet(nn.Module):
    """Its first and last layer have stride 2: another network than ours, with equal shapes."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        half = depth // 2
        first = nn.Conv2d(channels, width, 3, stride=2, padding=1)
        self.conv_layers = nn.Sequential(
            nn.Sequential(first, nn.ReLU()),
            *(
                nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
                for _ in range(half - 1)
            ),
        )
        self.deconv_layers = nn.Sequential(
            *(
                nn.Sequential(nn.ConvTranspose2d(width, width, 3, padding=1), nn.ReLU())
                for _ in range(half - 1)
            ),
            nn.ConvTranspose2d(width, channels, 3, stride=2, padding=1, output_padding=1),
        )


# -------------------------------------------------------------------- values of MATLAB


class Cell(list[Any]):
    """A cell array of one row."""


class StructArray(list[dict[str, Any]]):
    """A struct array of one row, whose structs have the same fields."""


def single(values: Tensor | Array) -> Array:
    """Return numbers as MATLAB keeps them: single precision, no ones at the end of the shape."""
    array = np.asarray(values.detach() if isinstance(values, Tensor) else values, dtype=np.float32)
    shape = list(array.shape) + [1] * (2 - array.ndim)
    while len(shape) > 2 and shape[-1] == 1:
        shape.pop()
    return array.reshape(shape)


def filters(convolution: nn.Conv2d | nn.ConvTranspose2d) -> Array:
    """Return the filters with height and width first, and torch's outer dimension last."""
    return single(convolution.weight.permute(2, 3, 1, 0))


def column(values: Tensor) -> Array:
    return single(values[:, None])


def moments(norm: nn.BatchNorm2d) -> Array:
    """Return means and deviations, as MatConvNet accumulates them."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("the normalisation keeps no statistics")
    return single(torch.stack([mean, (variance.double() + norm.eps).sqrt().float()], dim=1))


def write_version_5(path: Path, variables: Mapping[str, Any]) -> None:
    savemat(path, {name: _version_5(value) for name, value in variables.items()})


def _version_5(value: Any) -> Any:
    if isinstance(value, StructArray):
        array = np.empty((1, len(value)), dtype=[(name, object) for name in value[0]])
        for number, one in enumerate(value):
            array[0, number] = tuple(_version_5(one[name]) for name in value[0])
        return array
    if isinstance(value, Cell):
        cells = np.empty((1, len(value)), dtype=object)
        for number, one in enumerate(value):
            cells[0, number] = _version_5(one)
        return cells
    if isinstance(value, dict):
        return {name: _version_5(one) for name, one in value.items()}
    return value


def write_version_7_3(path: Path, variables: Mapping[str, Any]) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        references = file.create_group("#refs#")
        for name, value in variables.items():
            _version_7_3(file, references, name, value)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


_NUMBERS = itertools.count()


def _version_7_3(parent: Any, references: Any, name: str, value: Any) -> Any:
    """Write one value; what it refers to lies in the group ``references``."""
    if isinstance(value, StructArray | Cell):
        item = _referring(parent, references, name, value)
    elif isinstance(value, dict):
        item = parent.create_group(name)
        for field, one in value.items():
            _version_7_3(item, references, field, one)
    elif isinstance(value, str):
        item = parent.create_dataset(name, data=np.array([[ord(one)] for one in value], np.uint16))
    else:
        item = parent.create_dataset(name, data=value.T)
    item.attrs["MATLAB_class"] = np.bytes_(_class_of(value))
    return item


def _referring(parent: Any, references: Any, name: str, value: StructArray | Cell) -> Any:
    def refer(values: list[Any]) -> Array:
        made = [
            _version_7_3(references, references, f"r{next(_NUMBERS)}", one).ref for one in values
        ]
        return np.array(made, dtype=h5py.ref_dtype).reshape(-1, 1)

    if not value:
        item = parent.create_dataset(name, data=np.zeros(2, dtype=np.uint64))
        item.attrs["MATLAB_empty"] = np.uint8(1)
    elif isinstance(value, Cell):
        item = parent.create_dataset(name, data=refer(value))
    else:
        item = parent.create_group(name)
        for field in value[0]:
            item.create_dataset(field, data=refer([one[field] for one in value]))
    return item


def _class_of(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return {4: "single", 8: "double"}[value.itemsize]
    if isinstance(value, Cell):
        return "cell"
    return "char" if isinstance(value, str) else "struct"


# ---------------------------------------------------------------- networks of MatConvNet


@dataclass(frozen=True)
class Step:
    """One layer of one of our networks: what it is, and what is added to its output."""

    convolution: nn.Conv2d | nn.ConvTranspose2d
    norm: nn.BatchNorm2d | None
    added: int | None


def steps(network: nn.Module) -> list[Step]:
    """Return the layers of DnCNN, VDSR or RED-Net in order."""
    modules = list(network.modules())
    found = []
    for number, module in enumerate(modules):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            following = modules[number + 1] if number + 1 < len(modules) else None
            norm = following if isinstance(following, nn.BatchNorm2d) else None
            found.append(Step(module, norm, None))
    last = len(found) - 1
    added = {last: 0}
    if isinstance(found[-1].convolution, nn.ConvTranspose2d):
        # Every second one of the decoder's layers gets what its mirror in the encoder made.
        added = {k: last - k for k in range(len(found) // 2, last + 1) if (last - k) % 2 == 0}
    return [Step(one.convolution, one.norm, added.get(k)) for k, one in enumerate(found)]


def simplenn(network: nn.Module, *, old_fields: bool = False, rows: bool = False) -> dict[str, Any]:
    """Return a network as SimpleNN's struct ``net``.

    Args:
        network: One of ours.
        old_fields: Call the weights ``filters`` and ``biases``, as before the first release.
        rows: Write the biases as rows.
    """
    layers: list[dict[str, Any]] = []
    for one in steps(network):
        if layers:
            layers.append({"type": "relu", "leak": np.zeros((1, 1)), "precious": np.zeros((1, 1))})
        bias = one.convolution.bias
        values = torch.zeros(_outputs(one.convolution)) if bias is None else bias
        vector = column(values).T if rows else column(values)
        names = {"filters": filters(one.convolution), "biases": vector}
        weights = names if old_fields else {"weights": Cell(names.values())}
        deconvolution = isinstance(one.convolution, nn.ConvTranspose2d)
        settings = {"crop": 1.0} if deconvolution else {"pad": 1.0, "stride": 1.0, "dilate": 1.0}
        layers.append(
            {
                "type": "convt" if deconvolution else "conv",
                **weights,
                **{name: np.full((1, 1), value) for name, value in settings.items()},
                "opts": Cell(),
            }
        )
        if one.norm is not None:
            arrays = Cell([column(one.norm.weight), column(one.norm.bias), moments(one.norm)])
            layers.append({"type": "bnorm", "weights": arrays})
    layers.append({"type": "loss"})
    return {"layers": Cell(layers), "meta": {"about": "a network of a test"}}


def _outputs(convolution: nn.Conv2d | nn.ConvTranspose2d) -> int:
    return convolution.out_channels


def dagnn(network: nn.Module, *, negated: bool) -> dict[str, Any]:
    """Return a network as DagNN's saveobj gives it, with the sums in it.

    Args:
        network: One of ours.
        negated: The network of ours subtracts its last output; DagNN has only sums.
    """
    layers: list[dict[str, Any]] = []
    params: list[dict[str, Any]] = []

    def add(kind: str, inputs: list[str], arrays: dict[str, Array], block: dict[str, Any]) -> str:
        name = f"{kind.lower()}{len(layers)}"
        layers.append(
            {
                "name": name,
                "type": f"dagnn.{kind}",
                "inputs": Cell(inputs),
                "outputs": Cell([name]),
                "params": Cell(f"{name}_{field}" for field in arrays),
                "block": {**block, "opts": Cell()},
            }
        )
        params.extend({"name": f"{name}_{field}", "value": one} for field, one in arrays.items())
        return name

    at, activated = "input", ["input"]
    whole = steps(network)
    for number, one in enumerate(whole):
        last = number == len(whole) - 1
        sign = -1.0 if negated and last else 1.0
        bias = one.convolution.bias
        values = torch.zeros(_outputs(one.convolution)) if bias is None else bias
        arrays = {"f": sign * filters(one.convolution), "b": sign * column(values)}
        if isinstance(one.convolution, nn.ConvTranspose2d):
            at = add("ConvTranspose", [at], arrays, {"crop": np.ones((1, 4))})
        else:
            at = add("Conv", [at], arrays, {"pad": np.ones((1, 4)), "stride": np.ones((1, 2))})
        if one.norm is not None:
            arrays = {
                "g": column(one.norm.weight),
                "b": column(one.norm.bias),
                "m": moments(one.norm),
            }
            at = add("BatchNorm", [at], arrays, {"epsilon": np.full((1, 1), 1e-4)})
        if one.added is not None:
            at = add("Sum", [at, activated[one.added]], {}, {})
        if not last:
            at = add("ReLU", [at], {}, {"leak": np.zeros((1, 1))})
            activated.append(at)
    add("Loss", [at, "label"], {}, {"loss": "L2"})
    # The order of a graph is in its variables: code that merges layers appends them.
    layers.reverse()
    variables = StructArray({"name": one, "precious": np.zeros((1, 1))} for one in ("input", at))
    return {"vars": variables, "params": StructArray(params), "layers": StructArray(layers)}


def cells(network: nn.Module) -> dict[str, Any]:
    """Return a network as the cells of weights of VDSR's authors."""
    whole = steps(network)
    biases = [one.convolution.bias for one in whole]
    return {
        "weight": Cell(filters(one.convolution) for one in whole),
        "bias": Cell(column(one) for one in biases if one is not None),
    }


def run_simplenn(net: dict[str, Any], image: Array) -> Array:
    """Return the output of SimpleNN's layers, by the definitions of vl_nnconv and vl_nnconvt.

    Args:
        net: The struct.
        image: ``(height, width, channels)``.
    """
    features = image.astype(np.float64)
    for one in net["layers"]:
        if one["type"] == "relu":
            features = np.maximum(features, 0)
        elif one["type"] == "bnorm":
            gain, offset, statistics = (np.asarray(array, np.float64) for array in one["weights"])
            mean, deviation = statistics.T
            features = gain.ravel() * (features - mean) / deviation + offset.ravel()
        elif one["type"] in {"conv", "convt"}:
            bank, bias = (np.asarray(array, np.float64) for array in one["weights"])
            bank = bank.reshape(bank.shape + (1,) * (4 - bank.ndim))
            features = _bank(features, bank, one["type"] == "convt") + bias.ravel()
    return features


def _bank(features: Array, bank: Array, transposed: bool) -> Array:
    if transposed:  # filter k is bank[:, :, k, :]; the transpose of a correlation convolves
        maps = [
            sum(
                convolve2d(features[..., d], bank[:, :, k, d], "same") for d in range(bank.shape[3])
            )
            for k in range(bank.shape[2])
        ]
    else:
        maps = [
            sum(
                correlate2d(features[..., c], bank[:, :, c, k], "same")
                for c in range(bank.shape[2])
            )
            for k in range(bank.shape[3])
        ]
    return np.stack(maps, axis=-1)
