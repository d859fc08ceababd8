"""Which file in a folder of results is the restored version of a test image."""

from collections.abc import Mapping

from pipeline.degradations.levels import Level
from pipeline.degradations.settings import RealPairs, Sequence


def file_name(files: str, data_set: str, level: Level, image: str) -> str:
    """Return the path of a restored image inside its folder.

    Args:
        files: The pattern.
        data_set: Name of the test set.
        level: Level of the degradation.
        image: Name of the image.

    Raises:
        ValueError: The pattern has a value that this degradation does not have.
    """
    known = {"data_set": data_set, "level": level.label, "image": image, **_value(level)}
    try:
        return files.format_map(known)
    except KeyError as error:
        raise ValueError(
            f"'{files}' has {{{error.args[0]}}}, which {level.label} does not have; it has "
            f"{', '.join(f'{{{name}}}' for name in known)}"
        ) from error


def _value(level: Level) -> Mapping[str, str]:
    settings = level.settings
    if isinstance(settings, RealPairs | Sequence):
        return {}
    value = getattr(settings, settings.varied)
    return {settings.varied: f"{value:g}"} if isinstance(value, int | float) else {}
