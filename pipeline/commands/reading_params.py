"""``params.yaml`` as commands read it."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import CommandError

if TYPE_CHECKING:
    from pipeline.settings.params import Params


def read_params(path: Path) -> "Params":
    """Return the settings in a file.

    Raises:
        CommandError: It cannot be used; the message lists every fault.
    """
    from pipeline.checking.params_file import ParamsError, load_params

    try:
        return load_params(path)
    except ParamsError as error:
        raise CommandError(str(error)) from error
