"""What the page leaves out because its stages have not run: named, with the way to run them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.arrays.stage_outputs import StageNotRunError

Read = TypeVar("Read")


@dataclass(frozen=True, kw_only=True)
class Unmeasured:
    """An entry of ``params.yaml`` that is not on the page.

    Args:
        name: Of the entry.
        ask: What ``restore run --experiments`` is to be given for it.
        stage: The first stage that was found not to have run.
    """

    name: str
    ask: str
    stage: str


def read_measured(
    names: Iterable[str], read: Callable[[str], Read], ask: str = "{}"
) -> tuple[dict[str, Read], list[Unmeasured]]:
    """Read what belongs to some entries, and leave out those whose stages have not run.

    Args:
        names: Of the entries.
        read: Reads what belongs to one.
        ask: What to ask for to have one measured, with ``{}`` for its name.

    Returns:
        What was read, and what was left out, both in the order of the names.

    Raises:
        ValueError: ``read`` found a file that is not what its stage writes.
    """
    found: dict[str, Read] = {}
    left_out: list[Unmeasured] = []
    for name in names:
        try:
            found[name] = read(name)
        except StageNotRunError as error:
            left_out.append(Unmeasured(name=name, ask=ask.format(name), stage=error.stage))
    return found, left_out


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """All that is not measured yet, by what it is.

    Args:
        kinds: Such as ``experiments`` or ``classical methods on``, in the order of the page.
    """

    kinds: Mapping[str, Sequence[Unmeasured]]

    @property
    def entries(self) -> list[Unmeasured]:
        """Return all entries."""
        return [one for kind in self.kinds.values() for one in kind]

    @property
    def command(self) -> str:
        """Return the command that measures them; empty if there is nothing to measure."""
        asked = " ".join(dict.fromkeys(one.ask for one in self.entries))
        return f"restore run --experiments {asked}" if asked else ""

    def __str__(self) -> str:
        """Say what is left out and how to measure it; empty if nothing is."""
        if not self.command:
            return ""
        named = "; ".join(
            f"{kind} {', '.join(one.name for one in entries)}"
            for kind, entries in self.kinds.items()
            if entries
        )
        return f"not measured yet, so left out of the report: {named}: `{self.command}` does it"
