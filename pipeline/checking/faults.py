"""Faults that entries of several sections of ``params.yaml`` may have, found in the same way."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from pipeline.nearest import nearest_known
from pipeline.section import Section
from pipeline.settings.params import Applied, Params, RestoredInput


def undefined(where: str, name: str, what: str, defined: Iterable[str]) -> str:
    """Say that a name is not defined, and which are.

    Args:
        where: Path of the key that has the name.
        name: The name.
        what: Of what it is.
        defined: Names that there are.
    """
    return f"{where}: {what} '{name}' is not defined; {nearest_known(name, defined)}"


def undefined_names(
    where: str, entry: Section, known: Mapping[str, tuple[str, Collection[str]]]
) -> Iterator[str]:
    """Yield what is wrong with the names in an entry.

    Args:
        where: Path of the entry.
        entry: The entry.
        known: By key of the entry: of what its value is a name, and the names that there are.
    """
    for key, name in entry:
        if key in known and name not in known[key][1]:
            yield undefined(f"{where}.{key}", name, *known[key])


def name_faults(where: str, name: str, taken: Collection[str]) -> Iterator[str]:
    """Say that an entry has the name of another one that is measured.

    Args:
        where: Path of the entry.
        name: Its name.
        taken: Names of the others.
    """
    if name in taken:
        yield f"{where}: an experiment has this name too, and results lie by name"


def wrong_network(where: str, entry: Applied | RestoredInput, params: Params) -> str | None:
    """Say that an entry names another network than its weights are of; None if it does not.

    Args:
        where: Path of the entry.
        entry: It names weights that there are.
        params: All of them.
    """
    trained = params.experiments.get(entry.weights) or params.imported[entry.weights]
    if (trained.arch, trained.model) == (entry.arch, entry.model):
        return None
    return (
        f"{where}: expected the network of '{entry.weights}', {trained.arch}.{trained.model}; came "
        f"{entry.arch}.{entry.model}"
    )
