from pathlib import Path

import pytest

from pipeline.arrays.tables import columns_of
from pipeline.literature.published_recognition import (
    SHIPPED,
    Line,
    find_published,
    is_same_test,
    protocol_of,
    read_published_recognition,
    recognising_systems,
)
from pipeline.settings.tasks import (
    CubeTask,
    DisjointSplit,
    FeatureTask,
    FoldSplit,
    ImageTask,
    PublishedSplit,
    RandomSplit,
    Task,
)

ROW = "HybridSN,indian_pines,random-10,accuracy,98.39,percent,a paper,false"


def write(path: Path, *lines: str, header: str = ",".join(columns_of(Line))) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def images(data: str = "cifar10") -> ImageTask:
    return ImageTask(
        kind="images",
        source=f"pipeline/catalogue/{data}",
        split=PublishedSplit(kind="published", validation=0.1),
        shift=0,
        mirror=False,
    )


def cube(data: str = "indian_pines", train: float = 0.1, ignore: tuple[str, ...] = ()) -> CubeTask:
    return CubeTask(
        kind="cube",
        source=f"pipeline/catalogue/{data}",
        split=RandomSplit(kind="random", train=train, validation=0.05),
        ignore=list(ignore),
    )


def pairs() -> FeatureTask:
    return FeatureTask(
        kind="features",
        source="pipeline/catalogue/dscmr_pascal",
        split=FoldSplit(kind="folds", folds=5, test=0, validation=1),
    )


DISJOINT = DisjointSplit(kind="disjoint", train=0.4, validation=0.1, margin=8)


def shipped(system: str, measure: str, task: Task) -> tuple[float, bool] | None:
    found = find_published(read_published_recognition(SHIPPED), system, measure, task)
    return None if found is None else (round(found.value, 4), is_same_test(found, task))


@pytest.mark.parametrize(
    ("task", "protocol"),
    [
        (images(), "published"),
        (cube(), "random-10"),
        (cube(train=0.125), "random-12.5"),
        (cube().model_copy(update={"split": DISJOINT}), "disjoint-40"),
        (pairs(), "folds-5"),
    ],
)
def test_a_split_has_a_name(task: Task, protocol: str) -> None:
    assert protocol_of(task) == protocol


@pytest.mark.parametrize(
    ("system", "measure", "task", "value"),
    [
        ("MobileNetV1 (course)", "accuracy", images(), 0.7814),
        ("MobileNetV2 (course)", "accuracy", images(), 0.8010),
        ("HybridSN", "accuracy", cube(train=0.3), 0.9975),
        ("HybridSN", "kappa", cube(), 0.9816),
        ("HybridSN", "aa", cube(), 0.9801),
        ("HybridSN", "accuracy", cube(train=0.05), 0.9490),
        ("HybridSN (course)", "accuracy", cube(), 0.9740),
    ],
)
def test_shipped_numbers_are_found_by_data_and_split(
    system: str, measure: str, task: Task, value: float
) -> None:
    assert shipped(system, measure, task) == (value, True)


@pytest.mark.parametrize(
    ("system", "measure", "task", "value"),
    [
        ("MobileNetV1 (course)", "accuracy", images("cifar10_subset"), 0.7814),
        ("HybridSN", "accuracy", cube("samson"), 0.9839),
        ("HybridSN", "accuracy", cube("samson", 0.05), 0.9490),
        ("HybridSN", "kappa", cube(ignore=("Oats",)), 0.9816),
        ("DSCMR", "map", pairs(), 0.716),
        ("DSCMR", "map_image_to_text", pairs(), 0.710),
        ("DSCMR", "map_text_to_image", pairs(), 0.722),
        ("MobileNetV2 (kuangliu)", "accuracy", images(), 0.9443),  # from memory
    ],
)
def test_numbers_of_another_test_or_from_memory_are_found_but_not_compared(
    system: str, measure: str, task: Task, value: float
) -> None:
    assert shipped(system, measure, task) == (value, False)


def test_a_system_or_measure_without_numbers_has_none() -> None:
    assert shipped("HybridSN", "map", cube()) is None
    assert shipped("LeNet", "accuracy", images()) is None


def test_systems_are_named_once() -> None:
    found = recognising_systems()

    assert {"HybridSN", "DSCMR", "SE-ResNet-50", "MobileNetV2 1.0 224"} <= set(found)
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (ROW.replace("accuracy", "acuracy"), "unknown measure 'acuracy'.*'accuracy'"),
        (ROW.replace("percent", "per mille"), "unknown unit 'per mille'"),
        (ROW.replace("98.39", "198.39"), r"accuracy from 0 to 100 \(percent\); came '198.39'"),
        (ROW.replace("98.39,percent", "98.39,fraction"), r"from 0 to 1 \(fraction\)"),
        (ROW.replace("98.39", "nan"), "came 'nan'"),
        (ROW.replace("98.39", "most"), "came 'most'"),
        (ROW.replace("98.39", ""), "value for value"),
        (ROW.replace("false", "no"), "true or false; came 'no'"),
        (ROW.replace("a paper", "a paper, 2020"), "8 values, came 9; put a text with commas"),
        (
            ROW.replace("98.39", "97.40"),
            "one number for HybridSN, indian_pines, random-10, acc",
        ),
    ],
)
def test_a_wrong_row_is_refused_by_its_line(tmp_path: Path, row: str, complaint: str) -> None:
    path = write(tmp_path / "numbers.csv", ROW, row)

    with pytest.raises(ValueError, match=rf"numbers.csv, line 3: .*{complaint}"):
        read_published_recognition(path)


@pytest.mark.parametrize("header", ["", ",".join(reversed(columns_of(Line)))])
def test_wrong_columns_are_refused(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "numbers.csv", ROW, header=header)

    with pytest.raises(ValueError, match=r"line 1: expected the columns system"):
        read_published_recognition(path)
