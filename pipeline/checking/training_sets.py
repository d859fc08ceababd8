"""What an experiment trains on: its pairs, and the bank and the degradation that they name."""

from pipeline.degradations.settings import Degradation
from pipeline.settings.params import Experiment, Params, Patches


def bank_of(experiment: Experiment, params: Params) -> Patches:
    """Return the patch bank that an experiment trains on."""
    return params.patches[params.pairs[experiment.train_on].bank]


def degradation_of(experiment: Experiment, params: Params) -> Degradation:
    """Return what the network of an experiment learns to undo."""
    return params.degradations[params.pairs[experiment.train_on].degradation]
