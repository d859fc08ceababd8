"""Cards of the project's weights, as commands read them."""

from pathlib import Path
from typing import Any

from pipeline.arrays.stage_outputs import read_json
from pipeline.commands import CommandError


def read_card(root: Path, folder: str) -> dict[str, Any]:
    """Return the card of the weights in a folder; nothing where there is none.

    Raises:
        CommandError: It is no card.
    """
    path = root / folder / "card.json"
    if not path.is_file():
        return {}
    try:
        card: dict[str, Any] = read_json(path)
    except (OSError, ValueError) as error:
        raise CommandError(str(error)) from error
    return card
