"""How MatConvNet lays networks out: SimpleNN, DagNN, and bare cells of weights.

Filters are cross-correlations of ``(height, width, in, out)``, those of ``convt``
``(height, width, out, in)``; a normalisation stores deviations, not variances. MATLAB drops
dimensions of size 1 at the end of a shape.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.exchange.foreign_weights.chain import (
    Chain,
    ForeignWeightsError,
    Layer,
    Norm,
    Values,
    layer,
)
from pipeline.exchange.foreign_weights.matlab import Value

VARIABLES = ("net", "model")
"""Where networks lie in a .mat file."""

Struct = Mapping[str, Any]


def as_chain(path: Path, variables: Mapping[str, Value], layout: str | None) -> tuple[str, Chain]:
    """Return the layout of a .mat file, and the network in it.

    Args:
        path: The file, for messages.
        variables: Its variables.
        layout: One of ``LAYOUTS``, or None to try all.

    Raises:
        ForeignWeightsError: There is no network in it, or none that could be ours.
    """
    for name, (variable, holds, read) in LAYOUTS.items():
        content = variables.get(variable)
        if layout in {None, name} and isinstance(content, dict) and holds(content):
            try:
                return name, read(content)
            except ForeignWeightsError as error:
                raise ForeignWeightsError(f"{path}: {error}") from error
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ForeignWeightsError(
                    f"{path}: expected a network laid out as MatConvNet does ({name}); "
                    f"came something else: {type(error).__name__} {error}"
                ) from error
    if any(value is None for value in variables.values()):
        raise ForeignWeightsError(
            f"{path}: the network is an object of MATLAB, which only MATLAB can read: save "
            "net.saveobj() there instead"
        )
    came = "; ".join(
        f"{name} with the fields {', '.join(value)}" if isinstance(value, dict) else name
        for name, value in variables.items()
    )
    wanted = f"layout '{layout}'" if layout else f"one of the layouts {', '.join(LAYOUTS)}"
    raise ForeignWeightsError(f"{path}: expected {wanted}; came {came}: this is no such network")


# ------------------------------------------------------------- SimpleNN: a list of layers


def _holds_simplenn(net: Struct) -> bool:
    return "params" not in net and bool(net.get("layers")) and isinstance(net["layers"], list)


def _simplenn(net: Struct) -> Chain:
    kinds = [_simple_kind(number, one) for number, one in enumerate(net["layers"], start=1)]
    while kinds and "loss" in kinds[-1]:
        kinds.pop()
    signs = {"conv": "c", "convt": "c", "bnorm": "b", "relu": "r"}
    if not re.fullmatch("(cb?r)+c", "".join(signs.get(kind, "?") for kind in kinds)):
        raise ForeignWeightsError(
            "expected layers of the types conv (or convt), perhaps bnorm, and relu in turn, and a "
            f"conv at the end; came {', '.join(kinds)}: this is another network"
        )
    layers: list[Layer] = []
    for number, (kind, one) in enumerate(zip(kinds, net["layers"], strict=False), start=1):
        where = f"layer {number} ({kind})"
        if kind == "relu":
            _only(where, one, leak=0)
        elif kind in {"conv", "convt"}:
            following = net["layers"][number] if kinds[number : number + 1] == ["bnorm"] else None
            norm = _norm(where, _weights(following)) if following else None
            layers.append(_convolution(where, one, _weights(one), norm, kind == "convt"))
    # The sum with the image is in the code around such a network, not in the file.
    return Chain(tuple(layers), _candidates(layers))


def _simple_kind(number: int, one: Value) -> str:
    kind = one.get("type") if isinstance(one, dict) else None
    if not isinstance(kind, str):
        raise ForeignWeightsError(f"layer {number}: expected a struct with a 'type'; came none")
    return kind


def _weights(one: Struct) -> list[Value]:
    if "weights" in one:
        return list(one["weights"])
    # As written before the first release of MatConvNet.
    return [one[name] for name in ("filters", "biases") if name in one]


# ------------------------------------------------------------- DagNN: a graph of variables


def _holds_dagnn(net: Struct) -> bool:
    return {"params", "layers"} <= net.keys()


def _dagnn(net: Struct) -> Chain:
    weights = {one["name"]: one["value"] for one in _structs(net["params"])}
    walk = _Walk([one for one in _structs(net["layers"]) if not _is_loss(one)], weights)
    walk.to_the_end()
    if not walk.skips:
        return Chain(tuple(walk.layers), _candidates(walk.layers))
    return Chain(tuple(walk.layers), _candidates(walk.layers), "added", walk.skips)


def _structs(value: Value) -> list[Struct]:
    structs = value if isinstance(value, list) else [value]
    if not structs or not all(isinstance(one, dict) and "name" in one for one in structs):
        raise ForeignWeightsError("expected structs with names for 'params' and 'layers' of net")
    return structs


def _is_loss(one: Struct) -> bool:
    return "loss" in str(one.get("type")).lower()


class _Walk:
    """The way from the image to the result, layer by layer."""

    def __init__(self, layers: Sequence[Struct], weights: Mapping[str, Value]) -> None:
        self.layers: list[Layer] = []
        self.skips: dict[int, int] = {}
        self._weights = weights
        self._left = list(layers)
        produced = {name for one in layers for name in _texts(one, "outputs")}
        inputs = {name for one in layers for name in _texts(one, "inputs")} - produced
        if len(inputs) != 1:
            raise ForeignWeightsError(
                f"expected one variable that no layer makes, the image; came {sorted(inputs)}"
            )
        self._at = inputs.pop()
        self._activated = {self._at: 0}  # variables that a sum may add, by how many layers made it

    def to_the_end(self) -> None:
        """Follow the variables; what is not on the way makes it another network."""
        steps: dict[str, Callable[[Struct], None]] = {
            "Conv": self._convolve,
            "ConvTranspose": self._convolve,
            "BatchNorm": self._refuse,  # it is taken together with its convolution
            "ReLU": self._activate,
            "Sum": self._add,
        }
        while following := self._following():
            kind = str(following.get("type")).removeprefix("dagnn.")
            steps.get(kind, self._refuse)(following)
        if self._left or self._at in self._activated:
            names = ", ".join(str(one["name"]) for one in self._left) or "a ReLU at the end"
            raise ForeignWeightsError(
                f"expected one way through the network, with a sum at its end; came {names} "
                "beside it: this is another network"
            )

    def _following(self) -> Struct | None:
        """Return the layer that goes on from here: a sum only where nothing else does."""
        users = [one for one in self._left if self._at in _texts(one, "inputs")]
        users.sort(key=lambda one: str(one.get("type")).endswith("Sum"))
        if not users or (self._at in self._activated and str(users[0]["type"]).endswith("Sum")):
            return None
        return users[0]

    def _take(self, one: Struct) -> None:
        self._left = [other for other in self._left if other is not one]
        (self._at,) = _texts(one, "outputs")

    def _convolve(self, one: Struct) -> None:
        if self._at not in self._activated:
            raise ForeignWeightsError(f"{one['name']}: expected a ReLU before it: another network")
        self._take(one)
        where = str(one["name"])
        norm = None
        following = self._following()
        if following and str(following.get("type")).endswith("BatchNorm"):
            norm = _norm(str(following["name"]), self._params(following))
            self._take(following)
        transposed = str(one["type"]).endswith("ConvTranspose")
        block = one.get("block") or {}
        self.layers.append(_convolution(where, block, self._params(one), norm, transposed))

    def _activate(self, one: Struct) -> None:
        _only(str(one["name"]), one.get("block") or {}, leak=0)
        self._take(one)
        self._activated[self._at] = len(self.layers)

    def _add(self, one: Struct) -> None:
        others = [name for name in _texts(one, "inputs") if name != self._at]
        again = len(self.layers) - 1 in self.skips
        if again or len(others) != 1 or others[0] not in self._activated:
            raise ForeignWeightsError(
                f"{one['name']}: expected a sum with the image or with an earlier layer's output "
                f"behind its ReLU; came {others}: another network"
            )
        self.skips[len(self.layers) - 1] = self._activated[others[0]]
        self._take(one)

    def _refuse(self, one: Struct) -> None:
        raise ForeignWeightsError(
            f"{one['name']}: expected Conv, ConvTranspose, BatchNorm behind them, ReLU and Sum; "
            f"came {one.get('type')}: this is another network"
        )

    def _params(self, one: Struct) -> list[Value]:
        try:
            return [self._weights[name] for name in _texts(one, "params")]
        except KeyError as error:
            raise ForeignWeightsError(f"{one['name']}: its parameter {error} is missing") from error


def _texts(one: Struct, field: str) -> list[str]:
    value = one.get(field)
    return [value] if isinstance(value, str) else [str(text) for text in value or []]


# ------------------------------------------------- bare cells of weights, as VDSR's authors


def _holds_cells(model: Struct) -> bool:
    return {"weight", "bias"} <= model.keys()


def _cells(model: Struct) -> Chain:
    weights, biases = model["weight"], model["bias"]
    if not (isinstance(weights, list) and isinstance(biases, list)):
        raise ForeignWeightsError("expected cell arrays 'weight' and 'bias' in the variable model")
    if len(weights) != len(biases) or not weights:
        raise ForeignWeightsError(
            f"expected as many biases as weights; came {len(weights)} and {len(biases)}"
        )
    layers = [
        _convolution(f"weight{{{number}}}", {}, list(pair), None, transposed=False)
        for number, pair in enumerate(zip(weights, biases, strict=True), start=1)
    ]
    return Chain(tuple(layers), ("VDSR",), "added")


LAYOUTS: Mapping[str, tuple[str, Callable[[Struct], bool], Callable[[Struct], Chain]]] = {
    # vlfeat/matconvnet, matlab/simplenn; the weights of cszn/DnCNN.
    "matconvnet": ("net", _holds_simplenn, _simplenn),
    # vlfeat/matconvnet, matlab/+dagnn/@DagNN/saveobj.m; cszn/DnCNN's DagNN training code.
    "matconvnet_dag": ("net", _holds_dagnn, _dagnn),
    # VDSR_Official.mat of the authors, as huangzehao/caffe-vdsr uses it.
    "matconvnet_cells": ("model", _holds_cells, _cells),
}
"""Layouts: the variable, how to know it, how to read it."""


# ------------------------------------------------------------------- shared by the layouts


def _candidates(layers: Sequence[Layer]) -> tuple[str, ...]:
    if any(one.transposed for one in layers):
        return ("RedNet",)
    return ("DnCNN",) if any(one.norm for one in layers) else ("DnCNN", "VDSR")


def _convolution(
    where: str, settings: Struct, weights: Sequence[Value], norm: Norm | None, transposed: bool
) -> Layer:
    expected = {"crop": 1, "upsample": 1, "numGroups": 1} if transposed else _ONE_EACH
    _only(where, settings, **expected)
    arrays = list(_arrays(where, weights[:2]))
    if not arrays:
        raise ForeignWeightsError(f"{where}: expected filters; came none")
    filters = arrays[0]
    filters = filters.reshape(filters.shape + (1,) * (4 - filters.ndim))
    bias = arrays[1].ravel() if len(arrays) > 1 and arrays[1].size else None
    return layer(where, filters.transpose(3, 2, 0, 1), bias, norm, transposed=transposed)


_ONE_EACH = {"pad": 1, "stride": 1, "dilate": 1}


def _norm(where: str, weights: Sequence[Value]) -> Norm:
    arrays = list(_arrays(where, weights))
    if len(arrays) != 3 or arrays[2].shape != (arrays[0].size, 2):
        raise ForeignWeightsError(
            f"{where}: expected gains, offsets, and a mean and a deviation for each of them; came "
            f"arrays of the shapes {[one.shape for one in arrays]}"
        )
    gain, offset, moments = arrays
    return Norm(gain.ravel(), offset.ravel(), moments[:, 0], moments[:, 1])


def _arrays(where: str, weights: Sequence[Value]) -> Iterator[Values]:
    for one in weights:
        if not isinstance(one, np.ndarray) or one.ndim > 4:
            raise ForeignWeightsError(f"{where}: expected arrays of numbers for its weights")
        yield one.astype(np.float64)


def _only(where: str, settings: Struct, **expected: int) -> None:
    """Refuse a setting that is written down and is not what our networks have."""
    for name, value in expected.items():
        came = settings.get(name)
        if isinstance(came, np.ndarray) and came.size and (came != value).any():
            raise ForeignWeightsError(
                f"{where}: expected {name} {value}, as in DnCNN, VDSR and RED-Net; came "
                f"{came.ravel().tolist()}: this is another network"
            )
