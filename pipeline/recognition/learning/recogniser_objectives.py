"""What networks that recognise learn; the score of all of them is the share recognised."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize, one_hot, softplus

from pipeline.settings.params import Recipe
from pipeline.settings.tasks import DscmrLoss
from pipeline.training.objectives import Objective


def build_objective(recipe: Recipe) -> Objective:
    """Return what a recipe wants to be learnt.

    Raises:
        ValueError: Its loss is for networks that restore.
    """
    if isinstance(recipe.loss, DscmrLoss):
        return CrossModal(recipe.loss)
    if recipe.loss == "cross_entropy":
        return Classification()
    raise ValueError(
        "expected a loss for networks that recognise, cross_entropy or that of DSCMR; came "
        f"{recipe.loss}"
    )


class _Recognition:
    def score(self, mean: float) -> float:
        """Return the share recognised."""
        return mean

    def shown(self, score: float) -> str:
        """Return the share as a percentage."""
        return f"{100 * score:.1f} %"


class Classification(_Recognition):
    """The right class: cross entropy of the classes' scores."""

    needs_whole_batch = False

    def __call__(self, output: object, target: Tensor) -> tuple[Tensor, Tensor]:
        """Measure scores of classes, ``(N, classes)``, against labels ``(N,)``."""
        if not isinstance(output, Tensor):
            raise TypeError(f"expected scores of classes, came a {type(output).__name__}")
        scores = output.float()
        return cross_entropy(scores, target), _share_right(scores, target)


class CrossModal(_Recognition):
    """Images and texts of a class alike: the three losses of DSCMR.

    L. Zhen, P. Hu, X. Wang, D. Peng. Deep supervised cross-modal retrieval. CVPR 2019. J1 is the
    distance of each prediction to its label, not squared, as in the authors' code; J2 the
    negative log likelihood that pairs are of one class or not, of which half the cosine of their
    representations is the logit, within each modality and between them; J3 the distance of the
    image to the text of a pair.

    Args:
        weights: Of the three.
    """

    needs_whole_batch = True

    def __init__(self, weights: DscmrLoss) -> None:
        self._weights = weights

    def __call__(self, output: object, target: Tensor) -> tuple[Tensor, Tensor]:
        """Measure a batch of pairs.

        Args:
            output: Representations of images and of texts, ``(N, common)`` each, and scores of
                their classes, ``(N, classes)`` each.
            target: Labels ``(N,)``.
        """
        if not isinstance(output, tuple):
            raise TypeError(f"expected images and texts, came a {type(output).__name__}")
        image, text, image_scores, text_scores = (one.float() for one in output)
        terms = (
            (self._weights.label, _label_distance(image_scores, text_scores, target)),
            (self._weights.discrimination, _discrimination(image, text, target)),
            (self._weights.invariance, _distance(image, text)),
        )
        loss = sum((weight * term for weight, term in terms if weight), start=image.new_zeros(()))
        right = _share_right(image_scores, target) + _share_right(text_scores, target)
        return loss, right / 2


def _label_distance(image: Tensor, text: Tensor, labels: Tensor) -> Tensor:
    wanted = one_hot(labels, image.shape[1]).float()
    return _distance(image, wanted) + _distance(text, wanted)


def _distance(one: Tensor, other: Tensor) -> Tensor:
    # Its gradient is 0, not undefined, where both are equal.
    lengths: Tensor = torch.linalg.vector_norm(one - other, dim=1)
    return lengths.mean()


def _discrimination(image: Tensor, text: Tensor, labels: Tensor) -> Tensor:
    same = (labels[:, None] == labels[None, :]).float()
    image, text = normalize(image), normalize(text)
    total = image.new_zeros(())
    for one, other in ((image, image), (image, text), (text, text)):
        logits = one @ other.T / 2
        total = total + (softplus(logits) - same * logits).mean()
    return total


def _share_right(scores: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        right: Tensor = scores.argmax(dim=1) == labels
        return right.float().mean()
