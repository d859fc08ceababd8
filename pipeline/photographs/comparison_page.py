"""A page with every photograph before and after, and a slider between them; it needs no server."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.photographs.picture import Values
from pipeline.photographs.working import Outcome
from pipeline.photographs.writing import encode_jpeg

_HERE = Path(__file__).parent

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined
)

SLIDER_STYLE = _HERE / "slider.css"
"""What a page with sliders needs."""


def write_page(outcomes: Sequence[Outcome], page: Path) -> None:
    """Write the page.

    Args:
        outcomes: Of all photographs; of those that were changed it shows a part.
        page: File to write.

    Raises:
        OSError: It cannot be written.
    """
    shown = [
        {**_slider_of(outcome.job.source.name, outcome.crops), "words": outcome.words}
        for outcome in outcomes
        if outcome.crops is not None
    ]
    others = [
        {"name": outcome.job.source.name, "words": outcome.words}
        for outcome in outcomes
        if outcome.crops is None
    ]
    page.parent.mkdir(parents=True, exist_ok=True)
    text = _ENVIRONMENT.get_template("comparison.html.jinja").render(shown=shown, others=others)
    page.write_text(text, encoding="utf-8")


def slider(name: str, crops: tuple[Values, Values]) -> str:
    """Return the HTML of a slider between two crops.

    Args:
        name: What they show.
        crops: Before and after, uint8 ``(h, w, C)`` of one size.
    """
    return _ENVIRONMENT.get_template("slider.html.jinja").render(one=_slider_of(name, crops))


def as_data_url(values: Values) -> str:
    """Return 8-bit values ``(h, w, C)`` as the address of an image that holds the image itself."""
    return f"data:image/jpeg;base64,{b64encode(encode_jpeg(values)).decode()}"


def _slider_of(name: str, crops: tuple[Values, Values]) -> dict[str, Any]:
    before, after = crops
    height, width = after.shape[:2]
    images = {"before": as_data_url(before), "after": as_data_url(after)}
    return {"name": name, "height": height, "width": width, **images}
