import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    precision_recall_fscore_support,
)

from pipeline.recognition.scoring import class_scores as scores
from pipeline.recognition.scoring.class_scores import Confusion, average_precisions, count_confusion

CLASSES = ("ant", "bee", "cow")


def confusion(*pairs: str) -> Confusion:
    """Count pairs such as ``ab``: an ant taken for a bee."""
    name = {one[0]: one for one in CLASSES}
    return count_confusion([name[p[0]] for p in pairs], [name[p[1]] for p in pairs], CLASSES)


def random_answers(seed: int, samples: int = 500) -> tuple[list[str], list[str], list[str]]:
    rng = np.random.default_rng(seed)
    classes = [f"class_{number}" for number in range(7)]
    labels = rng.choice(classes, samples, p=np.arange(1, 8) / 28)
    predicted = np.where(rng.random(samples) < 0.6, labels, rng.choice(classes, samples))
    return labels.tolist(), predicted.tolist(), classes


@pytest.mark.parametrize("seed", range(5))
def test_accuracies_and_kappa_are_those_of_scikit_learn(seed: int) -> None:
    labels, predicted, classes = random_answers(seed)

    found = count_confusion(labels, predicted, classes)

    np.testing.assert_array_equal(found.counts, confusion_matrix(labels, predicted, labels=classes))
    assert found.overall_accuracy == pytest.approx(np.mean(np.array(labels) == predicted))
    assert found.average_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert found.kappa == pytest.approx(cohen_kappa_score(labels, predicted))
    precision, recall, _, support = precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    assert [one.support for one in found.by_class] == support.tolist()
    assert [one.recall for one in found.by_class] == pytest.approx(recall.tolist())
    assert [one.precision for one in found.by_class] == pytest.approx(precision.tolist())


def test_scores_of_a_case_by_hand() -> None:
    found = confusion("aa", "aa", "ab", "bb", "ba", "bb", "bb", "cb")

    assert found.counts.tolist() == [[2, 1, 0], [1, 3, 0], [0, 1, 0]]
    assert found.overall_accuracy == 5 / 8
    assert found.average_accuracy == pytest.approx((2 / 3 + 3 / 4 + 0) / 3)
    # Chance agrees on 3 * 3 + 4 * 5 + 1 * 0 of 64 pairs.
    assert found.kappa == pytest.approx((5 / 8 - 29 / 64) / (1 - 29 / 64))


def test_a_class_without_samples_has_no_recall_and_is_left_out_of_the_average() -> None:
    found = confusion("aa", "ac", "bb")

    cow = found.by_class[2]
    assert (cow.support, cow.predicted, cow.recall, cow.precision) == (0, 1, None, 0.0)
    assert found.average_accuracy == pytest.approx(0.75)


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    assert confusion("ab", "bb").by_class[0].precision is None


def test_one_sample_and_one_class_have_accuracies_and_no_kappa() -> None:
    found = confusion("bb")

    assert (found.overall_accuracy, found.average_accuracy, found.kappa) == (1.0, 1.0, None)


def test_guessing_has_a_kappa_of_zero_and_always_wrong_is_below() -> None:
    assert confusion("aa", "ba").kappa == 0
    assert confusion("ab", "ba").kappa == -1


def test_many_samples_do_not_overflow() -> None:
    counts = np.array([[3_000_000_000, 1], [1, 3_000_000_000]])

    kappa = Confusion(("a", "b"), counts).kappa

    assert kappa == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "predicted", "complaint"),
    [
        ([], [], "at least one; came 0 labels"),
        (["ant"], ["ant", "bee"], "came 1 labels and 2 predictions"),
        (["ant"], ["beee"], "unknown class 'beee'; .*'bee'"),
        (["dog"], ["bee"], "unknown class 'dog'; expected one of: ant, bee, cow"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    labels: list[str], predicted: list[str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        count_confusion(labels, predicted, CLASSES)


# ----------------------------------------------------------------------------- retrieval


def angles(*degrees: float) -> np.ndarray:
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_an_average_precision_by_hand() -> None:
    # Ranked by angle: 10, 20, 30, 40 degrees, of which the first, third and fourth are relevant.
    items, labels = angles(30, 10, 40, 20), np.array([1, 1, 1, 2])

    found = average_precisions(angles(0), items, np.array([1]), labels)

    assert found.tolist() == pytest.approx([(1 + 2 / 3 + 3 / 4) / 3])


@pytest.mark.parametrize("seed", range(3))
def test_average_precisions_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, items = rng.normal(size=(30, 16)), rng.normal(size=(50, 16))
    query_labels, item_labels = rng.integers(0, 4, 30), rng.integers(0, 4, 50)

    found = average_precisions(queries, items, query_labels, item_labels)

    unit = items / np.linalg.norm(items, axis=1, keepdims=True)
    expected = [
        average_precision_score(item_labels == label, unit @ query)
        for query, label in zip(queries, query_labels, strict=True)
    ]
    assert found == pytest.approx(np.array(expected))


def test_the_length_of_a_representation_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    queries, items = rng.normal(size=(9, 4)), rng.normal(size=(12, 4))
    labels = rng.integers(0, 3, 12)

    plain = average_precisions(queries, items, labels[:9], labels)
    scaled = average_precisions(
        queries * 7, items * rng.uniform(0.1, 9, (12, 1)), labels[:9], labels
    )

    assert scaled == pytest.approx(plain)


def test_a_query_without_items_of_its_class_has_an_average_precision_of_zero() -> None:
    found = average_precisions(angles(0, 5), angles(0, 90), np.array([1, 3]), np.array([1, 2]))

    assert found.tolist() == [1.0, 0.0]


def test_items_of_equal_similarity_keep_their_order() -> None:
    same, labels = np.ones((100, 2)), np.arange(100) // 50

    found = average_precisions(same[:1], same, np.array([1]), labels)

    assert found.tolist() == pytest.approx([np.mean([rank / (50 + rank) for rank in range(1, 51)])])


def test_a_representation_without_length_is_similar_to_nothing() -> None:
    items = np.array([[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])

    found = average_precisions(items[2:], items, np.array([1]), np.array([1, 0, 0]))

    assert found.tolist() == [1 / 2]


def test_blocks_of_queries_give_what_all_at_once_give(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    queries, items, labels = (*rng.normal(size=(2, 23, 5)), rng.integers(0, 3, 23))
    whole = average_precisions(queries, items, labels, labels)

    monkeypatch.setattr(scores, "_BLOCK", 100)

    assert average_precisions(queries, items, labels, labels) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        (np.array([[np.nan, 0.0]]), "0 queries and 1 items that are not finite"),
        (np.zeros((0, 2)), "at least one item; came 0 items"),
    ],
)
def test_what_cannot_be_ranked_is_refused(items: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        average_precisions(angles(0), items, np.array([1]), np.ones(len(items), int))
