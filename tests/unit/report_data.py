"""Results for the tests of the report, with scores of single images behind their means."""

from dataclasses import replace

from pipeline.literature.draws import Draw
from pipeline.literature.published import Published
from pipeline.measuring.statistics import mean_interval
from pipeline.report.results import Result

PAPER = Published(
    system="DnCNN-S",
    data_set="bsd68",
    degradation="gaussian_25",
    protocol="gray-uint8",
    psnr=29.23,
    ssim=None,
    from_memory=False,
    source="a paper & its tables",
)

DRAW = Draw(
    data_set="bsd68",
    degradation="gaussian_25",
    spread=0.01,
    spread_shared=0.01,
)

IMAGES = ("bridge", "harbour", "market", "river", "tower", "village")


def spread_over_images(psnr: float, images: tuple[str, ...] = IMAGES) -> dict[str, float]:
    """Return scores with a given mean, half a decibel apart."""
    middle = (len(images) - 1) / 2
    return {name: psnr + (number - middle) / 2 for number, name in enumerate(images)}


def result_of(psnr: float, psnr_input: float = 20.25, **changes: object) -> Result:
    """Return a result of the network ``net`` on six images, changed where a test wants it."""
    psnr_of = spread_over_images(psnr)
    plain = Result(
        experiment="net",
        model="dncnn.dncnn_s",
        data_set="bsd68",
        degradation="gaussian_25",
        protocol="gray-uint8",
        psnr_of=psnr_of,
        input_of=spread_over_images(psnr_input),
        psnr=psnr,
        ssim=0.8,
        psnr_input=psnr_input,
        ssim_input=0.4,
        interval=mean_interval(psnr_of),
        runs=("net",),
        spread=None,
        published=None,
        is_baseline=False,
    )
    named = {"runs": (changes["experiment"],)} if "experiment" in changes else {}
    return replace(plain, **(named | changes))  # type: ignore[arg-type]
