"""What the stages of recognition leave behind, made up for the tests of the report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.images.files import write_8bit_png
from pipeline.recognition.scoring.answers import (
    Answers,
    Inputs,
    classified,
    retrieved,
    write_inputs,
    write_samples,
)
from pipeline.recognition.scoring.palette import paint
from pipeline.report.recogniser_results import Entries
from pipeline.settings.params import Input, Recognition, RestoredInput
from pipeline.settings.tasks import (
    CubeTask,
    FeatureTask,
    FoldSplit,
    ImageTask,
    PublishedSplit,
    RandomSplit,
    Task,
)

CURVE = "step,loss,accuracy_train,accuracy_validation,learning_rate"

RECIPE = {"steps": 300, "batch": 16, "loss": "cross_entropy"}


def image_task(data: str = "cifar10") -> ImageTask:
    return ImageTask(
        kind="images",
        source=f"pipeline/catalogue/{data}",
        split=PublishedSplit(kind="published", validation=0.1),
        shift=2,
        mirror=True,
    )


def cube_task(data: str = "samson") -> CubeTask:
    return CubeTask(
        kind="cube",
        source=f"pipeline/catalogue/{data}",
        split=RandomSplit(kind="random", train=0.1, validation=0.05),
        ignore=[],
    )


def fold_task(test: int, folds: int = 5) -> FeatureTask:
    split = FoldSplit(kind="folds", folds=folds, test=test, validation=(test + 1) % folds)
    return FeatureTask(kind="features", source="pipeline/catalogue/dscmr_pascal", split=split)


class Recognised:
    """Folders of recognisers, and the entries of the params that they come from."""

    def __init__(self, root: Path, samples: int = 40, classes: Sequence[str] = ("a", "b")) -> None:
        self.evaluated, self.models, self.curves = (
            root / name for name in ("evaluated", "models", "curves")
        )
        self.samples = samples
        self.classes = tuple(classes)
        self.tasks: dict[str, Task] = {}
        self.inputs: dict[str, Input] = {}
        self.restored: dict[str, RestoredInput] = {}
        self.recognition: dict[str, Recognition] = {}
        self.cards: dict[str, dict[str, Any]] = {}

    @property
    def entries(self) -> Entries:
        return Entries(
            tasks=self.tasks,
            inputs=self.inputs,
            restored_inputs=self.restored,
            recognition=self.recognition,
        )

    def task(self, name: str, task: Task) -> None:
        self.tasks[name] = task
        self._card(name, name)

    def degrade(self, name: str, task: str, label: str = "gaussian_25", psnr: float = 20.0) -> None:
        degradation = label.replace(".", "_")
        self.inputs[name] = Input(task=task, degradation=degradation)
        words = (
            "Gaussian noise, \N{GREEK SMALL LETTER SIGMA} 25" if label == "gaussian_25" else label
        )
        facts = {"degradation": label, "degradation_in_words": words, "from": task}
        self._card(name, task, psnr=psnr, **facts)

    def restore(self, name: str, degraded: str, by: str, gain: float) -> None:
        task, before = self.inputs[degraded].task, self.cards[degraded]["psnr"]
        self.restored[name] = RestoredInput(
            task=task, input=degraded, arch="dncnn", model="small", weights=by
        )
        facts = {"from": degraded, "degradation": self.cards[degraded]["degradation"]}
        self._card(
            name,
            task,
            restored_by=by,
            model="dncnn.small",
            psnr=before + gain,
            psnr_input=before,
            **facts,
        )

    def _card(self, name: str, task: str, **facts: object) -> None:
        keys = ("from", "degradation", "restored_by", "model", "psnr", "psnr_input")
        self.cards[name] = {"task": task, **dict.fromkeys(keys), **facts}

    def learn(
        self,
        name: str,
        task: str,
        right: Mapping[str, float],
        *,
        train_on: str | None = None,
        seed: int = 0,
        validated: bool = True,
        **changes: object,
    ) -> None:
        """Write a recogniser that has a share of the samples of each input right.

        Args:
            name: Of the recogniser.
            task: What it learnt.
            right: Share by input; those of the params that are left out have a half.
            train_on: Input that it learnt from; the clean one unless it is named.
            seed: Of the answers.
            validated: Whether there was a validation part.
            changes: Of the settings.
        """
        kind = self.tasks[task].kind
        arch: Any = {"images": "mobilenet_v1", "cube": "hybridsn", "features": "dscmr"}[kind]
        plain = Recognition(
            arch=arch,
            model="small",
            task=task,
            train_on=train_on or task,
            recipe="quick",
            keep="last",
        )
        self.recognition[name] = plain.model_copy(update=changes)
        self._write_answers(name, task, kind, right, seed)
        self.write_card(name, {"validation": 0.75 if validated else None})
        self.write_curve(name, "0.5" if validated else "")

    def _write_answers(
        self, name: str, task: str, kind: Any, right: Mapping[str, float], seed: int
    ) -> None:
        folder = self.evaluated / name
        folder.mkdir(parents=True, exist_ok=True)
        names = self.entries.inputs_of(task)
        answers: list[Answers] = []
        for one in names:
            answers += self._answers(one, kind, right.get(one, 0.5), seed)
        write_samples(folder, answers)
        cards = {one: self.cards[one] for one in names}
        write_inputs(folder, Inputs(kind=kind, classes=self.classes, cards=cards))
        if kind == "cube":
            side = int(np.ceil(np.sqrt(self.samples)))
            for picture in ("truth", *(f"map_{one}" for one in names)):
                labels = np.arange(side**2).reshape(side, side) % (len(self.classes) + 1) - 1
                write_8bit_png(folder / f"{picture}.png", paint(labels))

    def _answers(self, name: str, kind: Any, right: float, seed: int) -> list[Answers]:
        numbers = np.arange(self.samples) % len(self.classes)
        labels = [self.classes[number] for number in numbers]
        # The same order for every input: a higher share has all that a lower one has, and more.
        order = np.random.default_rng(seed).permutation(self.samples)
        hit = np.empty(self.samples, bool)
        hit[order] = np.arange(self.samples) < round(right * self.samples)
        if kind == "features":
            precisions = np.where(hit, 0.9, 0.3)
            return [
                retrieved(name, "map_image_to_text", range(self.samples), labels, precisions),
                retrieved(name, "map_text_to_image", range(self.samples), labels, precisions / 2),
            ]
        other = [self.classes[(number + 1) % len(self.classes)] for number in numbers]
        taken = [a if yes else b for a, b, yes in zip(labels, other, hit, strict=True)]
        return [classified(name, range(self.samples), labels, taken)]

    def write_card(self, name: str, facts: Mapping[str, object]) -> None:
        card = {
            "recogniser": name,
            "model": {"class": "MobileNetV1", "width": 0.5},
            "recipe": RECIPE,
            "parameters": 21_234,
            "multiply_adds": 1_250_000,
            "steps": 300,
            "split": {"train": 60, "validation": 10, "test": self.samples, "unused": 0},
            "classes": len(self.classes),
            "weights_sha256": "ab",
            **facts,
        }
        (self.models / name).mkdir(parents=True, exist_ok=True)
        (self.models / name / "card.json").write_text(json.dumps(card))

    def write_curve(self, name: str, validation: str = "0.5") -> None:
        self.curves.mkdir(parents=True, exist_ok=True)
        rows = [f"100,1.5,0.4,{validation},0.01", f"200,0.9,0.7,{validation},0.001"]
        (self.curves / f"{name}.csv").write_text("\n".join([CURVE, *rows]) + "\n")


def faces(root: Path, samples: int = 40) -> Recognised:
    """Return a task with a degraded input, restored twice, and a recogniser of clean samples."""
    made = Recognised(root, samples)
    made.task("faces", image_task())
    made.degrade("noisy", "faces")
    made.restore("noisy_net", "noisy", "net", 7.5)
    made.restore("noisy_tiny", "noisy", "tiny", 3.25)
    made.learn(
        "clean", "faces", {"faces": 0.9, "noisy": 0.5, "noisy_net": 0.8, "noisy_tiny": 0.525}
    )
    return made
