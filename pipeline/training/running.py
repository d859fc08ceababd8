"""A training as a stage runs it: with a bar for people, and an ear for being asked to stop."""

import signal
import types
from collections.abc import Callable

from pipeline.running.several_processes import Starter
from pipeline.training.loop import CurvePoint, Training
from pipeline.training.progress import Progress


def run_to_end(
    training: Training,
    name: str,
    on_point: Callable[[CurvePoint], None],
    unit: str = "patches",
) -> None:
    """Train to the end; on SIGTERM or Ctrl-C write a checkpoint first, then stop.

    So it does when the process that started it is gone: nobody would take the result.

    Args:
        training: New, or resumed.
        name: Of the experiment, for the progress bar.
        on_point: Called with each point of the curve, those before a resumption included.
        unit: What the samples are, for the progress bar.

    Raises:
        TrainingStoppedError: It was asked to stop; the checkpoint is written.
        TrainingDivergedError: The loss or a weight is infinite or not a number.
    """
    signals: list[int] = []

    def note(number: int, frame: types.FrameType | None) -> None:  # noqa: ARG001  (a handler)
        signals.append(number)

    starter = Starter()
    handlers = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    bar = Progress(name, training.recipe, training.step, unit=unit, shown=training.objective.shown)
    try:
        with bar as progress:

            def show(point: CurvePoint) -> None:
                progress.show(point)
                on_point(point)

            for point in training.curve:
                on_point(point)
            training.run(progress.advance, show, lambda: bool(signals) or starter.is_gone)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
