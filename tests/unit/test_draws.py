"""The table of ``pipeline/literature/draws.csv`` is measured by a command of the bench."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.images.files import write_png
from tests.bench import draws

RNG = np.random.default_rng(0)


def test_the_spread_of_draws_is_printed_as_rows_of_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set12").mkdir()
    for name in ("a", "b"):
        write_png(tmp_path / "set12" / f"{name}.png", RNG.random((24, 30, 1), np.float32))

    draws.main(tmp_path, ["set12"], 2)

    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "data_set,degradation,spread,spread_shared"
    assert [row.split(",")[1] for row in rows] == ["gaussian_15", "gaussian_25", "gaussian_50"]
    assert all(float(row.split(",")[2]) > 0 for row in rows)


def test_independent_images_have_the_spread_of_their_mean() -> None:
    scores = RNG.normal(30.0, 0.1, (4000, 9))

    assert draws.spread(scores, 9) == pytest.approx(0.1 / 3, rel=0.05)
    assert draws.spread(scores, 36) == pytest.approx(0.1 / 6, rel=0.05)


def test_scores_that_rise_and_fall_alike_are_told_from_independent_ones() -> None:
    together = RNG.normal(30.0, 0.1, (4000, 1)) + np.zeros((1, 9))
    apart = RNG.normal(30.0, 0.1, (4000, 9))

    assert draws.correlation(together) == pytest.approx(1.0)
    assert draws.correlation(apart) == pytest.approx(0.0, abs=0.02)
    assert draws.correlation(together + apart) == pytest.approx(0.5, abs=0.05)


def test_only_images_of_one_size_share_their_noise() -> None:
    assert draws.partners([(8, 8), (8, 8), (8, 8), (9, 8)]) == 1.5
