"""What the sections of ``params.yaml`` on recognition say of one another and of the others."""

from collections.abc import Collection, Iterator, Mapping

from pipeline.checking.faults import undefined, undefined_names, wrong_network
from pipeline.degradations.levels import levels, reduction_of
from pipeline.degradations.settings import Gaussian, Mixture, RealPairs
from pipeline.literature.published_recognition import recognising_systems
from pipeline.models.recogniser_parts.settings import CubeRecogniser
from pipeline.nearest import nearest_few
from pipeline.settings.params import (
    Input,
    Params,
    Recognition,
    RestoredInput,
)
from pipeline.settings.tasks import (
    CubeTask,
    DisjointSplit,
    DscmrLoss,
)


def recognition_faults(params: Params) -> Iterator[str]:
    """Yield what is wrong between the keys, each with its path."""
    yield from _name_faults(params)
    yield from _input_faults(params)
    for name, restored in params.restored_inputs.items():
        where = f"restored_inputs.{name}"
        missing = list(_undefined_names(where, restored, params))
        yield from missing or _restored_faults(where, restored, params)
    for name, recognition in params.recognition.items():
        where = f"recognition.{name}"
        missing = list(_undefined_names(where, recognition, params))
        yield from missing or _recognition_faults(where, recognition, params)
    # Several recognisers may have one network and one task.
    yield from dict.fromkeys(_margin_faults(params))
    yield from _comparison_faults(params)


def _name_faults(params: Params) -> Iterator[str]:
    """Find names that are taken twice: inputs lie by name, and so do weights and results."""
    sections: dict[str, Mapping[str, object]] = {
        "experiments": params.experiments,
        "imported": params.imported,
        "applied": params.applied,
        "outside": params.outside,
        "programs": params.programs,
        "recognition": params.recognition,
    }
    yield from _taken_twice(sections, "recognition")
    yield from _taken_twice(
        {
            "tasks": params.tasks,
            "inputs": params.inputs,
            "restored_inputs": params.restored_inputs,
        },
        "inputs",
        "restored_inputs",
    )
    if "random" in params.recognition:
        yield "recognition.random: this name says of `start` that weights are random"


def _taken_twice(sections: Mapping[str, Mapping[str, object]], *of: str) -> Iterator[str]:
    seen: dict[str, str] = {}
    for section, entries in sections.items():
        for name in entries:
            if name in seen and section in of:
                yield (
                    f"{section}.{name}: {seen[name]}.{name} has this name too, and results lie by "
                    "name"
                )
            seen.setdefault(name, section)


def _undefined_names(
    where: str, entry: RestoredInput | Recognition, params: Params
) -> Iterator[str]:
    if isinstance(entry, RestoredInput):
        models: Mapping[str, object] = params.models.named(entry.arch)
    else:
        models = params.models.recognisers(entry.arch)
    images = {**params.inputs, **params.restored_inputs}
    inputs: tuple[str, Collection[str]] = ("input", {**params.tasks, **images})
    if isinstance(entry, RestoredInput):
        inputs = ("degraded input", params.inputs)
    known: dict[str, tuple[str, Collection[str]]] = {
        "model": ("model", models),
        "task": ("task", params.tasks),
        "input": inputs,
        "train_on": ("input", {**params.tasks, **images}),
        "recipe": ("recipe", params.recipes),
        "weights": (
            ("experiment", {**params.experiments, **params.imported})
            if isinstance(entry, RestoredInput)
            else ("recognition experiment", params.recognition)
        ),
    }
    yield from undefined_names(where, entry, known)


def _input_faults(params: Params) -> Iterator[str]:
    for name, given in params.inputs.items():
        where = f"inputs.{name}"
        if given.task not in params.tasks:
            yield undefined(f"{where}.task", given.task, "task", params.tasks)
        elif params.tasks[given.task].kind == "features":
            yield (f"{where}: '{given.task}' has features, and only images and cubes are degraded")
        if given.degradation not in params.degradations:
            yield undefined(
                f"{where}.degradation", given.degradation, "degradation", params.degradations
            )
            continue
        degradation = params.degradations[given.degradation]
        if isinstance(degradation, Mixture | RealPairs):
            yield (
                f"{where}.degradation: '{given.degradation}' is {degradation.kind}; what is "
                "recognised is degraded in one way, which can be synthesised"
            )
        elif len(levels(degradation)) != 1:
            found = ", ".join(level.label for level in levels(degradation))
            yield (
                f"{where}.degradation: expected a single level, '{given.degradation}' has {found}: "
                "give each an entry of `degradations` and an input of its own"
            )
        elif reduction_of(*levels(degradation)) != 1:
            yield (
                f"{where}.degradation: '{given.degradation}' leaves small images, but what is "
                "recognised keeps its size: choose `result: interpolated`"
            )


def _restored_faults(where: str, restored: RestoredInput, params: Params) -> Iterator[str]:
    given = params.inputs[restored.input]
    if given.task != restored.task:
        yield (
            f"{where}.task: expected that of '{restored.input}', '{given.task}'; came "
            f"'{restored.task}'"
        )
    fault = wrong_network(where, restored, params)
    if fault:
        yield fault
        return
    model = params.models.named(restored.arch)[restored.model]
    if model.scale != 1:
        yield (
            f"{where}: {restored.arch}.{restored.model} makes images {model.scale} times larger: "
            "a network for interpolated images is needed"
        )
    if model.takes_noise_map and not _has_one_sigma(given.degradation, params):
        yield (
            f"{where}: {restored.arch}.{restored.model} is told the noise level, which needs "
            f"Gaussian noise of one sigma: '{given.degradation}' has other noise, or none"
        )
    task = params.tasks.get(restored.task)
    if isinstance(task, CubeTask) and model.channels not in (1, "shared"):
        yield (
            f"{where}: the bands of a cube are restored one by one, which needs a network with "
            f"channels: 1 or shared; {restored.arch}.{restored.model} has {model.channels}"
        )


def _has_one_sigma(name: str, params: Params) -> bool:
    """Tell whether a degradation is Gaussian noise whose sigma is known; not asked of no one."""
    if name not in params.degradations:
        return True  # a fault of the input, which is reported there
    settings = [level.settings for level in levels(params.degradations[name])]
    return all(isinstance(one, Gaussian) and isinstance(one.sigma_8bit, float) for one in settings)


def _recognition_faults(where: str, entry: Recognition, params: Params) -> Iterator[str]:
    task = params.tasks[entry.task]
    settings = params.models.recognisers(entry.arch)[entry.model]
    if settings.takes != task.kind:
        yield (
            f"{where}: {entry.arch} recognises {settings.takes}, task '{entry.task}' is of kind "
            f"'{task.kind}'"
        )
        return
    trained_task = _task_of(entry.train_on, params)
    if trained_task != entry.task:
        yield (
            f"{where}.train_on: expected '{entry.task}' or one of its inputs, '{entry.train_on}' "
            f"is of task '{trained_task}'"
        )
    loss = params.recipes[entry.recipe].loss
    wanted = isinstance(loss, DscmrLoss) if task.kind == "features" else loss == "cross_entropy"
    if not wanted:
        needed = "the losses of DSCMR" if task.kind == "features" else "cross_entropy"
        yield f"{where}.recipe: expected one with {needed}; '{entry.recipe}' has another loss"
    split = task.split
    if entry.keep == "best" and not _validates(split):
        yield (
            f"{where}.keep: the best weights are chosen on a validation part, and "
            f"tasks.{entry.task}.split leaves none"
        )


def _margin_faults(params: Params) -> Iterator[str]:
    for entry in params.recognition.values():
        split = getattr(params.tasks.get(entry.task), "split", None)
        settings = params.models.recognisers(entry.arch).get(entry.model)
        if not isinstance(split, DisjointSplit) or not isinstance(settings, CubeRecogniser):
            continue
        if split.margin < settings.window - 1:
            yield (
                f"tasks.{entry.task}.split.margin: expected {settings.window - 1} or more, so that "
                f"no window of {entry.arch}.{entry.model} reaches from one part into another; came "
                f"{split.margin}"
            )


def _comparison_faults(params: Params) -> Iterator[str]:
    try:
        known = recognising_systems()
    except (OSError, ValueError) as error:  # its message has the file and the line
        yield f"the published numbers cannot be read: {error}"
        return
    for name, entry in params.recognition.items():
        if entry.compare_with is not None and entry.compare_with not in known:
            yield (
                f"recognition.{name}.compare_with: pipeline/literature/published_recognition.csv "
                f"has no system '{entry.compare_with}'; {nearest_few(entry.compare_with, known)}"
            )


def _task_of(name: str, params: Params) -> str:
    """Return the task that an input belongs to; a task is an input of its own."""
    every: dict[str, Input | RestoredInput] = {**params.inputs, **params.restored_inputs}
    return every[name].task if name in every else name


def _validates(split: object) -> bool:
    share = getattr(split, "validation", None)
    # The number of a fold may be 0, a share of 0 is none.
    return share is not None and (hasattr(split, "folds") or share > 0)
