"""What cannot be trained by several processes."""

from collections.abc import Iterator

from pipeline.settings.params import Params
from pipeline.settings.tasks import DscmrLoss

_KEY = "resources.train.processes"


def process_faults(params: Params) -> Iterator[str]:
    """Yield the trainings whose batches so many processes cannot share."""
    processes = params.resources.train.processes
    for name, experiment in params.experiments.items():
        recipe = params.recipes.get(experiment.recipe)
        if recipe is not None and processes > recipe.batch:
            yield (
                f"{_KEY}: expected at most the {recipe.batch} samples in a batch of recipe "
                f"'{experiment.recipe}', by which experiment '{name}' trains; came {processes}"
            )
    for name, entry in params.recognition.items():
        recipe = params.recipes.get(entry.recipe)
        if recipe is not None and processes > 1 and isinstance(recipe.loss, DscmrLoss):
            yield (
                f"{_KEY}: expected 1, as the losses of DSCMR in recipe '{entry.recipe}', by which "
                f"'{name}' is trained, compare all samples of a batch; came {processes}"
            )


def process_warnings(params: Params) -> Iterator[str]:
    """Yield a sentence where some networks are trained by one process all the same."""
    if params.recognition and params.resources.train.processes > 1:
        yield (
            f"{_KEY}: networks that recognise are trained by one process; they and their batches "
            "are small"
        )
