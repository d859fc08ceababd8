"""Read ``params.yaml``, and explain what is wrong with it in the words of its author."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.nearest import nearest_known
from pipeline.params import (
    PROTOCOL_COLOURS,
    VARIED_SETTING,
    Baseline,
    Bicubic,
    Degradation,
    Experiment,
    FilesDataset,
    FloatRange,
    Gaussian,
    PairedDataset,
    Params,
    SkimageDataset,
    Trial,
)

Yaml = Any
"""What a YAML file may hold: nothing is known of it before it is validated."""

Schema = dict[str, Any]
"""A JSON schema, or a part of one."""


class ParamsError(ValueError):
    """``params.yaml`` cannot be used; the message lists every fault with the path of its key."""


def load_params(path: Path) -> Params:
    """Read and validate ``path`` with the YAML 1.2 rules that DVC itself applies.

    Raises:
        ParamsError: The file is missing or not YAML, or a key, a value or a combination in it
            is wrong; the message has one line a fault.
    """
    content = read_yaml(path)
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        faults = [_explain(fault, content) for fault in error.errors(include_url=False)]
        # Several branches of a union may each complain about the same value.
        raise _refusal(path, dict.fromkeys(faults)) from error
    contradictions = list(_contradictions(params))
    if contradictions:
        raise _refusal(path, contradictions)
    return params


def read_yaml(path: Path) -> Yaml:
    """Return the content of a YAML 1.2 file.

    Raises:
        ParamsError: The file cannot be read or is not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(path)
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (YAMLError, ValueError) as error:  # ValueError: undecodable bytes, endless numbers
        raise ParamsError(f"{path}: expected YAML, but {error}") from error


def warnings(params: Params) -> list[str]:
    """Return what is allowed but probably not meant, one sentence each."""
    return [
        f"experiments.{name}: {warning}"
        for name, experiment in params.experiments.items()
        for warning in _experiment_warnings(experiment, params)
    ]


def _experiment_warnings(experiment: Experiment, params: Params) -> Iterator[str]:
    bank = params.patches[experiment.train_on]
    recipe = params.recipes[experiment.recipe]
    field = params.models.named(experiment.arch)[experiment.model].receptive_field
    if bank.size < field:
        yield (
            f"the patches are {bank.size} pixels wide, the receptive field of "
            f"{experiment.arch}.{experiment.model} is {field}: its outer part trains on padding"
        )
    if getattr(recipe.schedule, "warmup", 0) >= recipe.steps:
        yield f"the warm-up of recipe '{experiment.recipe}' is as long as its {recipe.steps} steps"
    for trial in params.benchmarks[experiment.test_on]:
        if trial.colour != bank.colour:
            yield f"trained on {bank.colour} images, tested on {trial.colour} ones"


def _refusal(path: Path, faults: Iterable[str]) -> ParamsError:
    lines = [f"  {fault}" for fault in faults]
    return ParamsError("\n".join([f"{path} has {len(lines)} fault(s):", *lines]))


# ------------------------------------------------------------------ faults of one key


def _explain(fault: ErrorDetails, content: Yaml) -> str:
    keys, node = _locate(fault, content)
    where = ".".join(map(str, keys)) or "(the whole file)"
    if fault["type"] == "extra_forbidden":
        hint = nearest_known(str(keys[-1]), _known_keys(keys[:-1], content))
        return f"{where}: unknown key; {hint}"
    if fault["type"] in {"missing", "union_tag_not_found"}:
        return f"{where}: missing; expected a value for this key"
    came = f"a {type(node).__name__}" if isinstance(node, dict | list) else repr(node)
    if fault["type"] == "union_tag_invalid":
        return f"{where}: expected one of {fault['ctx']['expected_tags']}; came {came}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower() + message[1:]}; came {came}"


def _locate(fault: ErrorDetails, content: Yaml) -> tuple[list[int | str], Yaml]:
    """Return the path of keys to a fault, without the tags that pydantic adds for unions."""
    keys: list[int | str] = []
    node = content
    for part in fault["loc"]:
        in_section = isinstance(node, dict) and part in node
        in_list = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if in_section or in_list:
            node = node[part]
            keys.append(part)
    if fault["type"] == "missing":
        keys.append(fault["loc"][-1])
    elif fault["type"].startswith("union_tag_"):
        keys.append("kind")
        node = node.get("kind")
    elif fault["loc"][-1:] == ("[key]",):  # the name is wrong, not what it stands for
        node = keys[-1]
    return keys, node


def _known_keys(keys: list[int | str], content: Yaml) -> list[str]:
    """Return the keys that the section at the path ``keys`` may have."""
    schema = Params.model_json_schema()
    nodes = [schema]
    for key in keys:
        content = content[key]
        nodes = [
            branch
            for node in nodes
            for child in _children(node, key)
            for branch in _branches(child, schema["$defs"], content)
        ]
    return sorted({known for node in nodes for known in node.get("properties", {})})


def _children(node: Schema, key: int | str) -> Iterator[Schema]:
    if key in node.get("properties", {}):
        yield node["properties"][key]
    elif isinstance(key, int) and "items" in node:
        yield node["items"]
    else:
        yield from node.get("patternProperties", {}).values()


def _branches(node: Schema, definitions: Schema, content: Yaml) -> Iterator[Schema]:
    """Follow references and unions; of a union by ``kind`` keep the branch of ``content``."""
    if "$ref" in node:
        yield from _branches(definitions[node["$ref"].rsplit("/", 1)[1]], definitions, content)
        return
    union = node.get("oneOf", node.get("anyOf"))
    if union is not None:
        for branch in union:
            yield from _branches(branch, definitions, content)
        return
    kind = node.get("properties", {}).get("kind", {}).get("const")
    if kind is None or (isinstance(content, dict) and content.get("kind") == kind):
        yield node


# ------------------------------------------------------------- faults between the keys


def _contradictions(params: Params) -> Iterator[str]:
    for name, bank in params.patches.items():
        if bank.dataset not in params.datasets:
            yield _undefined(f"patches.{name}.dataset", bank.dataset, "data set", params.datasets)
        if bank.stride > bank.size:
            yield (
                f"patches.{name}.stride: expected at most the size ({bank.size}), so that the "
                f"patches cover the image; came {bank.stride}"
            )
    for name, trials in params.benchmarks.items():
        for position, trial in enumerate(trials):
            yield from _trial_faults(f"benchmarks.{name}.{position}", trial, params)
        yield from _repeated_levels(f"benchmarks.{name}", trials)
    for name, experiment in params.experiments.items():
        undefined = list(_undefined_names(f"experiments.{name}", experiment, params))
        yield from undefined or _experiment_faults(f"experiments.{name}", experiment, params)


def _undefined(where: str, name: str, what: str, defined: Iterable[str]) -> str:
    return f"{where}: {what} '{name}' is not defined; {nearest_known(name, defined)}"


def _undefined_names(where: str, experiment: Experiment, params: Params) -> Iterator[str]:
    sections = {
        "model": ("model", params.models.named(experiment.arch)),
        "train_on": ("patch bank", params.patches),
        "degradation": ("degradation", params.degradations),
        "recipe": ("recipe", params.recipes),
        "test_on": ("benchmark", params.benchmarks),
    }
    for key, (what, defined) in sections.items():
        name = getattr(experiment, key)
        if name not in defined:
            yield _undefined(f"{where}.{key}", name, what, defined)


def _trial_faults(where: str, trial: Trial, params: Params) -> Iterator[str]:
    if trial.dataset not in params.datasets:
        yield _undefined(f"{where}.dataset", trial.dataset, "data set", params.datasets)
        return
    for protocol in trial.protocols:
        colours = PROTOCOL_COLOURS[protocol]
        if trial.colour not in colours:
            yield (
                f"{where}.protocols: {protocol} measures images in {' or '.join(colours)}; "
                f"this trial's colour is {trial.colour}"
            )
        if protocol == "y-shave" and not isinstance(trial.degradation, Bicubic):
            yield (
                f"{where}.protocols: y-shave removes a border as wide as the scale; expected a "
                f"bicubic degradation, came {trial.degradation.kind}"
            )
    for baseline in trial.baselines:
        if not _applies(baseline, trial.degradation):
            yield (
                f"{where}.baselines: {baseline} cannot undo {trial.degradation.kind} degradation "
                "of these levels; 'identity' applies to all"
            )
    yield from _pairing_faults(where, trial.dataset, trial.degradation, params)


def _repeated_levels(where: str, trials: list[Trial]) -> Iterator[str]:
    """Find levels that would overwrite one another: results lie by data set and level."""
    seen: dict[tuple[Any, ...], str] = {}
    for position, trial in enumerate(trials):
        key = VARIED_SETTING.get(trial.degradation.kind)
        values = getattr(trial.degradation, key) if key else "paired"
        for value in values if isinstance(values, list) else [values]:
            level = (trial.dataset, trial.degradation.kind, value)
            at = f"{where}.{position}"
            if level in seen:
                yield (
                    f"{at}.degradation: {seen[level]} has {trial.degradation.kind} degradation of "
                    f"data set '{trial.dataset}' at this level ({value}) already; put one of them "
                    "into a benchmark of its own"
                )
            seen.setdefault(level, at)


def _applies(baseline: Baseline, degradation: Degradation) -> bool:
    """Tell whether a classical method restores a degradation: denoisers must know the sigma."""
    if baseline == "identity":
        return True
    if baseline == "bicubic":
        return isinstance(degradation, Bicubic)
    return isinstance(degradation, Gaussian) and not isinstance(degradation.sigma_8bit, FloatRange)


def _pairing_faults(
    where: str, dataset: str, degradation: Degradation, params: Params
) -> Iterator[str]:
    entry = params.datasets[dataset]
    # A files set may or may not come in pairs: its catalogue says, and extract checks it.
    if degradation.kind == "paired" and not isinstance(entry, PairedDataset | FilesDataset):
        yield (
            f"{where}: degradation kind 'paired' needs a data set with degraded partners; "
            f"'{dataset}' is of kind '{entry.kind}'"
        )


def _experiment_faults(where: str, experiment: Experiment, params: Params) -> Iterator[str]:
    model = params.models.named(experiment.arch)[experiment.model]
    bank = params.patches[experiment.train_on]
    degradation = params.degradations[experiment.degradation]
    channels = 3 if bank.colour == "rgb" else 1
    if model.channels != channels:
        yield (
            f"{where}: model {experiment.arch}.{experiment.model} has {model.channels} channel(s), "
            f"patch bank '{experiment.train_on}' ({bank.colour}) has {channels}"
        )
    if isinstance(degradation, Bicubic):
        scales = degradation.scale if isinstance(degradation.scale, list) else [degradation.scale]
        for scale in scales:
            if not (_divides(scale, bank.size) and _divides(scale, bank.stride)):
                yield (
                    f"{where}: scale {scale:g} of degradation '{experiment.degradation}' does not "
                    f"divide the patch size {bank.size} and the stride {bank.stride} of bank "
                    f"'{experiment.train_on}'"
                )
    trials = params.benchmarks[experiment.test_on]
    if not {bank.dataset, *(trial.dataset for trial in trials)} <= params.datasets.keys():
        return  # a fault of the bank or of the trial, which is reported there
    yield from _pairing_faults(where, bank.dataset, degradation, params)
    for position, trial in enumerate(trials):
        trial_at = f"benchmarks.{experiment.test_on}.{position}"
        tested = 3 if trial.colour == "rgb" else 1
        if tested != model.channels:
            yield (
                f"{where}: model {experiment.arch}.{experiment.model} has {model.channels} "
                f"channel(s), {trial_at} ({trial.colour}) has {tested}"
            )
        yield from _shared_images(where, bank.dataset, trial_at, trial.dataset, params)


def _divides(scale: float, length: int) -> bool:
    parts = length / scale  # the remainder of 48 by 1.2 is 1.2 for computers
    return math.isclose(parts, round(parts), rel_tol=1e-9)


def _shared_images(
    where: str, trained: str, trial_at: str, tested: str, params: Params
) -> Iterator[str]:
    one, other = params.datasets[trained], params.datasets[tested]
    if trained == tested:
        yield f"{where}: trains on data set '{trained}', which {trial_at} tests on"
    elif isinstance(one, SkimageDataset) and isinstance(other, SkimageDataset):
        shared = sorted(set(one.images) & set(other.images))
        if shared:
            yield (
                f"{where}: trains on images that {trial_at} tests on: {', '.join(shared)} "
                f"(in '{trained}' and '{tested}')"
            )
    elif one.source == other.source:
        yield f"{where}: '{trained}' and '{tested}' ({trial_at}) have the same source, {one.source}"
