"""The checklist beside a gap: what the run and the paper did, side by side.

What differs may be a cause of the gap; that it is one is known only where it was measured here,
with and without the difference. Our side is read from the run itself: the card of its weights,
the trial, the protocol. The paper's side is that of ``pipeline/literature/papers.toml`` and of the
protocol of the published number.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import TypeAdapter

from pipeline.degradations.levels import Level
from pipeline.degradations.settings import (
    KINDS,
    Degradation,
    FloatRange,
    Gaussian,
    Mixture,
    QualityRange,
    RealPairs,
    Synthetic,
)
from pipeline.degradations.settings import (
    Sequence as Steps,
)
from pipeline.literature.draws import Draw
from pipeline.literature.papers import Conditions, Paper, PerLevel, Trained
from pipeline.literature.published import Published
from pipeline.measuring.metrics import PROTOCOLS, Measure
from pipeline.report.margins import margin_of
from pipeline.report.words import decimal, signed
from pipeline.settings.params import Protocol, Trial, TrialColour

Verdict = Literal["same", "differs", "unknown"]

Card = Mapping[str, Any]
"""What ``card.json`` beside the weights holds."""

KERNEL = "matlab"
"""Whose bicubic interpolation ``pipeline/images/resize.py`` computes."""

IMPORTED = "imported weights, whose file does not say"

THEIRS = "the weights of the paper's authors, as far as layout and size tell"

UNKNOWN = "not known"

EXPLAINED = 3
"""Possible causes that a sentence explains; the others are only named."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One item of the checklist.

    Args:
        item: What is compared.
        ours: What the run did.
        paper: What the paper did.
        verdict: ``unknown`` if one side is.
        note: What to know about it; never empty if the two differ.
        weight: Roughly what the difference is worth, in decibels: to order by, not to show.
        effect: What it was measured to be worth, in decibels; none where it was not.
    """

    item: str
    ours: str
    paper: str
    verdict: Verdict
    note: str = ""
    weight: float = 0.0
    effect: float | None = None


def check_gap(
    *,
    trial: Trial,
    level: Level,
    protocol: Protocol,
    published: Published,
    paper: Paper | None,
    card: Card | None,
    draw: Draw | None = None,
    colour_effect: float | None = None,
) -> list[Check]:
    """Compare a run with the paper whose number stands beside it.

    Args:
        trial: What was tested on.
        level: The level of its degradation.
        protocol: How ours was measured.
        published: The number that it is compared with.
        paper: What is known of the published system; none if nothing is.
        card: Card of the weights, trained here or imported; none of a classical method.
        draw: What is known of the noise of the test set.
        colour_effect: By how many decibels the result is better than that of the same method on
            images that were degraded in the colour space of the paper; none if there is no such.

    Returns:
        The test first, then the training; always in the same order.
    """
    facts = Paper(reference=UNKNOWN) if paper is None else paper
    checks = [*_test_checks(trial, level, protocol, published, facts)]
    checks = [_measured(one, colour_effect) if one.item == COLOUR else one for one in checks]
    if level.settings.kind == "gaussian":
        checks.append(_noise_draw(published, draw))
    if card is not None:
        checks += [
            _training_degradation(card, level, facts),
            _network_size(card, level, facts),
            _training_set(card, level, facts),
            _training_length(card, facts),
        ]
    return checks


def likely_cause(checks: Iterable[Check]) -> str:
    """Say what differs and may be the cause: what was measured, then what is only possible.

    What is probably worth most comes first.
    """
    checks = list(checks)
    differing = [check for check in checks if check.verdict == "differs"]
    found = [
        f"The {check.item} makes {signed(check.effect)} dB of it, as measured here."
        for check in differing
        if check.effect is not None
    ]
    possible = [check for check in differing if check.effect is None]
    possible.sort(key=lambda check: -check.weight)
    if possible:
        causes = ", then the ".join(
            f"{check.item} ({check.note})" for check in possible[:EXPLAINED]
        )
        rest = [check.item for check in possible[EXPLAINED:]]
        found.append(f"Possible: the {causes}{f'; less so: {_listed(rest)}' if rest else ''}.")
    if found:
        return " ".join(found)
    missing = [check.item for check in checks if check.verdict == "unknown"]
    return (
        f"Nothing on the checklist differs{f'; not known: {_listed(missing)}' if missing else ''}."
    )


# ------------------------------------------------------------------------------- the test

COLOUR = "colour space"

_COLOURS = {
    "gray": "gray",
    "y": "luma, rounded before it is degraded",
    "rgb": "RGB",
    "y_of_rgb": "luma of images degraded in RGB, not rounded",
}
_BORDERS = {
    "none": "nothing cropped",
    "scale": "as many pixels cropped as the scale",
    "scale+6": "6 pixels more than the scale cropped",
}
_ROUNDED = {True: "clipped and rounded to 8 bits", False: "neither clipped nor rounded"}
_KERNELS = {
    "matlab": "MATLAB's imresize, antialiased",
    "opencv": "OpenCV's, not antialiased",
    "pil": "Pillow's, rounded to 8 bits in between",
}
_INPUTS = {
    "gaussian": ("noisy image", "worth 0.09 dB on Set12 at sigma 25 unless trained on", 0.1),
    "bicubic": ("low-resolution image", "worth less than 0.05 dB on Set5", 0.05),
}
"""What may be clipped and rounded before it is restored, and what that is worth, by kind."""

_OTHER_COLOURS = {
    "jpeg": ("the images are compressed in another space, worth up to 0.6 dB", 0.6),
    "bicubic": ("the images are shrunk in another space, worth less than 0.05 dB on Set5", 0.05),
}
"""What it is worth to degrade the same luma in another colour space, by kind."""

_MEASURES: Mapping[str, Measure] = {str(name): how for name, how in PROTOCOLS.items()}


def _test_checks(
    trial: Trial, level: Level, protocol: Protocol, published: Published, facts: Paper
) -> Iterator[Check]:
    settings = level.settings
    theirs = _conditions(facts, settings.kind)
    recalled = _recalled(facts, "tests")
    ours_measured, theirs_measured = PROTOCOLS[protocol], _MEASURES.get(published.protocol)
    yield _colour_space(trial, settings.kind, protocol, published.protocol, theirs, recalled)
    if settings.kind == "bicubic":
        yield _choice(
            "resize kernel",
            _KERNELS,
            KERNEL,
            theirs.kernel,
            recalled,
            note="the kernel alone is worth 0.1 to 0.5 dB on Set5",
            weight=0.5,
        )
    yield _choice(
        "border",
        _BORDERS,
        ours_measured.border,
        None if theirs_measured is None else theirs_measured.border,
        note="cropping or not is worth 0.1 to 0.2 dB on Set14",
        weight=0.2,
    )
    if settings.kind in _INPUTS:
        image, note, weight = _INPUTS[settings.kind]
        quantised = getattr(settings, "quantise", None)
        item = f"rounding of the {image}"
        yield _choice(
            item, _ROUNDED, quantised, theirs.quantised, recalled, note=note, weight=weight
        )
    yield _choice(
        "rounding of the output",
        _ROUNDED,
        ours_measured.rounded,
        None if theirs_measured is None else theirs_measured.rounded,
        note="worth 0.01 dB for denoising, 0.03 dB at scale 2",
        weight=0.03,
    )


def _colour_space(
    trial: Trial,
    kind: str,
    protocol: Protocol,
    published: str,
    theirs: Conditions,
    recalled: str,
) -> Check:
    how = _MEASURES.get(published)
    verdict: Verdict = "unknown"
    if theirs.colours is not None and how is not None:
        same = trial.colour in theirs.colours and PROTOCOLS[protocol].luma == how.luma
        verdict = "same" if same else "differs"
    rgb = _compares_rgb(trial.colour, PROTOCOLS[protocol])
    unmeasured = ("the images are degraded in another space, whose worth is not known", 0.1)
    note, weight = _OTHER_COLOURS.get(kind, unmeasured)
    if how is not None and any(rgb != _compares_rgb(one, how) for one in theirs.colours or []):
        note, weight = "RGB and luma are 1.7 to 1.9 dB apart on Set5", 1.5
    return _check(
        COLOUR,
        f"{_COLOURS[trial.colour]} ({protocol})",
        f"{_all_colours(theirs.colours)}{recalled} ({published})",
        verdict,
        note,
        weight,
    )


def _measured(check: Check, effect: float | None) -> Check:
    """Return an item with what its difference was measured to be worth, if it differs at all."""
    if check.verdict != "differs" or effect is None:
        return check
    note = f"{signed(effect)} dB against the same method on images degraded as the paper's"
    return replace(check, note=note, weight=abs(effect), effect=effect)


def _noise_draw(published: Published, draw: Draw | None) -> Check:
    """Return the item on which no run and no paper can ever agree."""
    margin = margin_of(published, draw).draw
    note = "how far another draw moves the mean of this test was not measured"
    if margin is not None:
        note = f"another draw moves the mean by up to {decimal(margin, 3)} dB in 95% of the cases"
    return Check(
        item="noise draw",
        ours="NumPy's, another one for each image",
        paper="other numbers, which nobody published",
        verdict="differs",
        note=note,
        weight=margin or 0.0,
    )


def _compares_rgb(colour: TrialColour, how: Measure) -> bool:
    return colour == "rgb" and not how.luma


def _all_colours(colours: Sequence[TrialColour] | None) -> str:
    return UNKNOWN if colours is None else " or ".join(_COLOURS[colour] for colour in colours)


def _choice(
    item: str,
    words: Mapping[Any, str],
    ours: object,
    theirs: object,
    recalled: str = "",
    *,
    note: str,
    weight: float,
) -> Check:
    """Compare two of a few possibilities, of which None is one that is not known."""
    shown = words[ours]
    paper = UNKNOWN if theirs is None else words[theirs] + recalled
    return _check(item, shown, paper, _verdict((ours,), (theirs,)), note, weight)


# --------------------------------------------------------------------------- the training

_SETTINGS: TypeAdapter[Degradation] = TypeAdapter(Degradation)


def _training_degradation(card: Card, level: Level, facts: Paper) -> Check:
    item = "training degradation"
    trained = facts.trained
    if all(one.kind != level.settings.kind for one in trained or []):
        trained = None  # what is known is of its network for another task
    paper = UNKNOWN if trained is None else _all_described(trained) + _recalled(facts, "trained")
    if _are_theirs(card, facts) and trained is not None and _is_one_network(trained):
        return Check(item=item, ours=THEIRS, paper=paper, verdict="same")
    if "degradation" not in card:
        return Check(item=item, ours=IMPORTED, paper=paper, verdict="unknown")
    parts = _parts(_SETTINGS.validate_python(card["degradation"]))
    ours = sorted(map(_trained, parts), key=_kind)
    shown = _all_described(ours)
    tested = _tested(level)
    theirs = None
    if trained is not None:
        theirs = sorted((_pinned(one, tested) for one in trained), key=_kind)
    if theirs != ours and not any(_covers(one, tested) for one in ours):
        note = f"trained on {shown}, tested on {_described(tested)}"
        return _check(item, shown, paper, "differs", note, weight=5.0)
    expected = _conditions(facts, "gaussian").quantised
    clipped = any(isinstance(part, Gaussian) and part.quantise for part in parts)
    if clipped and expected is False:
        note = "its noisy image is clipped and rounded to 8 bits"
        return _check(item, f"{shown}, {note}", paper, "differs", note, weight=0.1)
    verdict = _verdict((ours,), (theirs,))
    return _check(item, shown, paper, verdict, f"{shown} instead of {paper}", weight=0.1)


def _are_theirs(card: Card, facts: Paper) -> bool:
    """Tell whether imported weights are those that the authors of a paper published."""
    layout = card.get("imported", {}).get("layout")
    return layout in facts.published_as and card["parameters"] in {
        facts.parameters,
        facts.parameters_merged,
    }


def _is_one_network(trained: Sequence[Trained]) -> bool:
    """Tell whether one network is for all levels: else nothing says which a file holds."""
    return all(one.levels != "tested" for one in trained)


def _conditions(facts: Paper, kind: str) -> Conditions:
    """Return what is known of the tests of a paper on one kind of degradation."""
    known = {str(name): conditions for name, conditions in facts.tests.items()}
    return known.get(kind, Conditions())


def _parts(degradation: Degradation) -> Sequence[Synthetic | RealPairs]:
    """Return the parts of a mixture, or the degradation itself."""
    return degradation.of if isinstance(degradation, Mixture) else [degradation]


def _trained(degradation: Synthetic | RealPairs) -> Trained:
    """Return what a degradation of one kind trains a network on."""
    if isinstance(degradation, Steps | RealPairs):
        return Trained(kind=degradation.kind)
    value = getattr(degradation, degradation.varied)
    if isinstance(value, FloatRange | QualityRange):
        return Trained(kind=degradation.kind, levels=FloatRange(min=value.min, max=value.max))
    levels = sorted(value) if isinstance(value, list) else [value]
    return Trained(kind=degradation.kind, levels=levels)


def _kind(one: Trained) -> str:
    return one.kind


def _tested(level: Level) -> Trained:
    return _trained(level.settings)


def _pinned(one: Trained, tested: Trained) -> Trained:
    """Return what the network for the tested level was trained on."""
    matched = one.levels == "tested" and one.kind == tested.kind
    return tested if matched else one


def _covers(ours: Trained, tested: Trained) -> bool:
    if ours.kind != tested.kind or ours.levels == tested.levels:
        return ours.kind == tested.kind != "sequence"  # of which only the kind is compared
    if not isinstance(tested.levels, list):
        return False
    if isinstance(ours.levels, FloatRange):
        return all(ours.levels.min <= value <= ours.levels.max for value in tested.levels)
    return isinstance(ours.levels, list) and set(tested.levels) <= set(ours.levels)


def _all_described(trained: Sequence[Trained]) -> str:
    return _listed([_described(one) for one in trained])


def _described(one: Trained) -> str:
    if isinstance(one.levels, FloatRange):
        values = f"{one.levels.min:g} to {one.levels.max:g}"
    elif isinstance(one.levels, list):
        values = _listed([f"{value:g}" for value in one.levels])
    else:
        values = "as tested"
    return KINDS[one.kind].taught.format(values)


def _network_size(card: Card, level: Level, facts: Paper) -> Check:
    ours, theirs = card["parameters"], _at(facts.parameters, level)
    imported = card.get("imported", {}).get("layout")
    merged = facts.parameters_merged
    if imported is not None and card["model"].get("batch_norm") is False and merged is not None:
        theirs = merged
    notes = [] if ours == theirs else [f"{ours:,} of {_counted(theirs)} parameters"]
    if ours == merged and imported is None:
        notes[0] += ": without batch normalisation"
    layers = (_layers(card), None if facts.receptive_field is None else facts.receptive_field // 2)
    if None not in layers and layers[0] != layers[1]:
        notes.append(f"{layers[0]} of {layers[1]} layers")
    if imported in WITHOUT_BIASES and imported not in facts.published_as:
        notes.append("its file has no biases, for which zeros are counted")
    known = None not in (ours, theirs)
    verdict: Verdict = "unknown" if not known and len(notes) == 1 else "differs"
    if not notes:
        verdict = "same"
    return _check(
        "network size",
        f"{ours:,} parameters",
        f"{_counted(theirs, 'parameters')}{_recalled(facts, 'parameters')}",
        verdict,
        ", ".join(notes),
        _doublings(ours, theirs),
    )


WITHOUT_BIASES = {"saoyan", "twtygqyy", "lornatang"}
"""Layouts of code whose convolutions have none, while those of the papers have."""

_CHAINS = {"DnCNN", "VDSR", "RedNet"}
"""Networks of convolutions of 3x3 alone, each of which adds a pixel to the field on each side."""


def _layers(card: Card) -> int | None:
    """Return how many layers a network has, if it is one whose receptive field says it too."""
    depth: int | None = card["model"].get("depth")
    return depth if card["model"].get("class") in _CHAINS else None


def _training_set(card: Card, level: Level, facts: Paper) -> Check:
    item = "training set"
    images, size = facts.training_images, _at(facts.patch_size, level)
    name = "" if facts.training_set is None else f" ({facts.training_set})"
    paper = f"{_counted(images, 'images')}{name}, {_patches(size)}"
    paper += _recalled(facts, "training_set", "training_images", "patch_size")
    ours = card.get("trained_on")
    if _are_theirs(card, facts):
        return Check(item=item, ours=THEIRS, paper=paper, verdict="same")
    if ours is None and "imported" in card:
        return Check(item=item, ours=IMPORTED, paper=paper, verdict="unknown")
    if ours is None:
        return Check(item=item, ours="not recorded", paper=paper, verdict="unknown")
    verdict = _verdict((ours["images"], ours["patch_size"]), (images, size))
    note = "compared by number of images and size of patches"
    if verdict == "differs":
        note = f"{ours['images']:,} of {_counted(images)} images, {_patches(ours['patch_size'])}"
        note += "" if size in {None, ours["patch_size"]} else f" instead of {_patches(size)}"
    return Check(
        item=item,
        ours=f"{ours['images']:,} images ({ours['bank']}), {_patches(ours['patch_size'])}",
        paper=paper,
        verdict=verdict,
        note="" if verdict == "unknown" else note,
        weight=_doublings(ours["images"], images) if verdict == "differs" else 0.0,
    )


def _training_length(card: Card, facts: Paper) -> Check:
    item = "training length"
    paper = _steps(facts.steps, facts.batch) + _recalled(facts, "steps", "batch")
    if _are_theirs(card, facts):
        return Check(item=item, ours=THEIRS, paper=paper, verdict="same")
    if "recipe" not in card:
        return Check(item=item, ours=IMPORTED, paper=paper, verdict="unknown")
    steps, batch = card["steps"], card["recipe"]["batch"]
    note, weight = f"batches of {batch:,} instead of {_counted(facts.batch)}", 0.0
    if facts.steps is not None and facts.batch is not None:
        seen, total = steps * batch, facts.steps * facts.batch
        weight = _doublings(seen, total)
        share = f"{seen:,} of {total:,} patches seen ({_percent(seen / total)})"
        note = share if batch == facts.batch else f"{share}, in {note}"
    verdict = _verdict((steps, batch), (facts.steps, facts.batch))
    return _check(item, _steps(steps, batch), paper, verdict, note, weight)


# ------------------------------------------------------------------------------ in common


def _check(item: str, ours: str, paper: str, verdict: Verdict, note: str, weight: float) -> Check:
    """Return an item whose note and weight are those of a difference."""
    if verdict != "differs":
        note, weight = "", 0.0
    return Check(item=item, ours=ours, paper=paper, verdict=verdict, note=note, weight=weight)


def _verdict(ours: Sequence[object], theirs: Sequence[object]) -> Verdict:
    """Compare value by value; one that differs decides, then one that is not known."""
    pairs = list(zip(ours, theirs, strict=True))
    if any(None not in pair and pair[0] != pair[1] for pair in pairs):
        return "differs"
    return "unknown" if any(None in pair for pair in pairs) else "same"


def _at(value: PerLevel | None, level: Level) -> int | None:
    return value.get(level.label.removesuffix("_8bit")) if isinstance(value, dict) else value


def _recalled(facts: Paper, *names: str) -> str:
    return " (from memory)" if set(names) & set(facts.from_memory) else ""


def _doublings(ours: int, theirs: int | None) -> float:
    """Return what a difference in size or length is worth: 0.1 dB a doubling, very roughly."""
    return 0.0 if theirs is None else 0.1 * abs(math.log2(ours / theirs))


def _counted(value: int | None, unit: str = "") -> str:
    number = "an unknown number of" if value is None and unit else UNKNOWN
    return f"{number if value is None else f'{value:,}'} {unit}".rstrip()


def _patches(size: int | None) -> str:
    return "patches of unknown size" if size is None else f"patches of {size}x{size}"


def _steps(steps: int | None, batch: int | None) -> str:
    size = "batches of unknown size" if batch is None else f"batches of {batch:,}"
    return f"{_counted(steps, 'steps')}, {size}"


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
