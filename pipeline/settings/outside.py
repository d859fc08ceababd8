"""What other programs restored, as ``params.yaml`` names it."""

import string

from pydantic import field_validator

from pipeline.section import Name, Section, Source

PLACEHOLDERS = (
    *("data_set", "level", "image"),
    *("scale", "sigma_8bit", "sigma_px", "peak", "quality"),
)
"""What the name of a restored file may depend on. The others are the value of a degradation of
one step, under the name that it has there; the label of a level is a name for every degradation."""


class Outside(Section):
    """A folder of what another program restored of the degraded images of a benchmark."""

    source: Source
    """The folder, absolute or relative to the project; DVC watches it."""
    files: str
    """Path of a restored image in it, such as ``{data_set}/{level}/{image}.png``."""
    test_on: Name
    compare_with: str | None = None
    """System of ``pipeline/literature/published.csv`` put beside it; changes no result."""

    @field_validator("files")
    @classmethod
    def _known_placeholders(cls, files: str) -> str:
        try:
            used = {field for _, field, _, _ in string.Formatter().parse(files) if field}
        except ValueError as error:
            raise ValueError(f"{error}; a brace that is part of a name is written twice") from error
        unknown = sorted(used - set(PLACEHOLDERS))
        if unknown:
            raise ValueError(
                f"expected only {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}; came "
                f"{', '.join(f'{{{name}}}' for name in unknown)}"
            )
        if "image" not in used:
            raise ValueError("expected {image} in it: every image has a file of its own")
        if files.startswith("/") or ".." in files.split("/"):
            raise ValueError("expected a path inside the folder")
        return files
