"""What all sections of ``params.yaml`` are made of: no unknown keys, and names that name files."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Base of every section: unknown keys and wrong types are rejected, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


NAME, SOURCE, SUBFOLDER = (
    r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
    r"^[^'\x00-\x1f-][^'\x00-\x1f]*$",
    r"^[^/.][^/]*$",
)

PATTERNS = {
    NAME: "a name of letters, digits, _ and -, the first a letter or a digit",
    SOURCE: "a path without ' and control characters, the first no - (write ./-NAME)",
    SUBFOLDER: "the name of a folder, without / and not hidden",
}
"""What the patterns ask for, in words."""

Name = Annotated[str, Field(pattern=NAME)]
"""Name of an entry: it becomes part of stage names, file names and tags."""

Source = Annotated[str, Field(pattern=SOURCE)]
"""Path of a file or folder: it stands in quotes on a command line of ``dvc.yaml``."""

Subfolder = Annotated[str, Field(pattern=SUBFOLDER)]
"""Name of a folder inside another one."""
