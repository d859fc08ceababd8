from pathlib import Path

import pytest

from pipeline.degradations.levels import levels
from pipeline.degradations.settings import Bicubic, Gaussian, Jpeg
from pipeline.literature.papers import SHIPPED, read_papers
from pipeline.literature.published import systems
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.models.rednet.settings import RedNet
from pipeline.models.vdsr.settings import VDSR

GOOD = """
[DnCNN-S]
reference = "a paper"
steps = 80_000
trained = [{ kind = "gaussian", levels = { min = 0, max = 55 } }]
"""


def test_what_is_not_known_is_none(tmp_path: Path) -> None:
    path = tmp_path / "papers.toml"
    path.write_text(GOOD)

    paper = read_papers(path)["DnCNN-S"]

    assert (paper.steps, paper.batch, paper.parameters, paper.tests) == (80_000, None, None, {})


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("steps =", "step =", r"DnCNN-S\.step: Extra inputs are not permitted; came 80000"),
        ("80_000", "'many'", r"DnCNN-S\.steps: .*integer; came 'many'"),
        ("80_000", "0", r"DnCNN-S\.steps: .*greater than 0; came 0"),
        ('"gaussian"', '"noise"', r"DnCNN-S\.trained\.0\.kind: .*'gaussian'.*; came 'noise'"),
        ("{ min = 0, max = 55 }", "[]", r"DnCNN-S\.trained\.0\.levels"),
        ("min = 0", "min = 60", r"min \(60\) must be below max \(55\)"),
        ('"gaussian", levels', '"paired", levels', "levels for every kind but 'sequence'"),
        ("steps =", "from_memory = ['step']\nsteps =", "names 'step', .* 'steps'"),
        ("steps = 80_000", "steps", "expected TOML, but"),
    ],
)
def test_a_wrong_entry_is_refused_by_its_key(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    path = tmp_path / "papers.toml"
    path.write_text(GOOD.replace(old, new))

    with pytest.raises(ValueError, match=rf"(?s)papers.toml.*{complaint}"):
        read_papers(path)


# ------------------------------------------------------------------- the facts that are shipped


def test_every_system_has_published_numbers() -> None:
    assert set(read_papers(SHIPPED)) <= set(systems())


@pytest.mark.parametrize(
    ("system", "settings"),
    [
        ("DnCNN-S", DnCNN(channels=1, width=64, depth=17, batch_norm=True, residual=True)),
        ("DnCNN-B", DnCNN(channels=1, width=64, depth=20, batch_norm=True, residual=True)),
        ("CDnCNN-B", DnCNN(channels=3, width=64, depth=20, batch_norm=True, residual=True)),
        ("DnCNN-3", DnCNN(channels=1, width=64, depth=20, batch_norm=True, residual=True)),
        ("VDSR", VDSR(channels=1, width=64, depth=20)),
        ("RED30", RedNet(channels=1, width=64, depth=30, skips=True)),
    ],
)
def test_networks_built_here_have_the_size_and_the_field_of_the_papers(
    system: str, settings: Model
) -> None:
    paper = read_papers(SHIPPED)[system]

    network = build_model(settings, 0)

    assert sum(p.numel() for p in network.parameters()) == paper.parameters
    assert settings.receptive_field == paper.receptive_field


def test_numbers_by_level_are_of_labels_that_exist() -> None:
    degradations = (
        Gaussian(kind="gaussian", sigma_8bit=[15, 25, 50], quantise=False),
        Bicubic(kind="bicubic", scale=[2, 3, 4], quantise=False, result="interpolated"),
        Jpeg(kind="jpeg", quality=[10, 20, 30, 40], subsampling="yuv444", phase="aligned", draws=1),
    )
    labels = {level.label for degradation in degradations for level in levels(degradation)}

    for paper in read_papers(SHIPPED).values():
        for value in (paper.parameters, paper.patch_size):
            assert not isinstance(value, dict) or set(value) <= labels


def test_what_papers_left_unsaid_stays_unknown() -> None:
    papers = read_papers(SHIPPED)

    assert papers["RED30"].steps is papers["RED30"].batch is None
    assert papers["VDSR"].steps is None
