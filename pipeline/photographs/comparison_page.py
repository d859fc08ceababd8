"""A page with every photograph before and after, and a slider between them; it needs no server."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.photographs.picture import Values
from pipeline.photographs.working import Outcome
from pipeline.photographs.writing import encode_jpeg

_TEMPLATE = "comparison.html.jinja"


def write_page(outcomes: Sequence[Outcome], page: Path) -> None:
    """Write the page.

    Args:
        outcomes: Of all photographs; of those that were changed it shows a part.
        page: File to write.

    Raises:
        OSError: It cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    shown = [
        {
            "name": outcome.job.source.name,
            "words": outcome.words,
            "before": _embedded(outcome.crops[0]),
            "after": _embedded(outcome.crops[1]),
            "height": outcome.crops[1].shape[0],
            "width": outcome.crops[1].shape[1],
        }
        for outcome in outcomes
        if outcome.crops is not None
    ]
    others = [
        {"name": outcome.job.source.name, "words": outcome.words}
        for outcome in outcomes
        if outcome.crops is None
    ]
    page.parent.mkdir(parents=True, exist_ok=True)
    text = environment.get_template(_TEMPLATE).render(shown=shown, others=others)
    page.write_text(text, encoding="utf-8")


def _embedded(values: Values) -> str:
    return f"data:image/jpeg;base64,{b64encode(encode_jpeg(values)).decode()}"
