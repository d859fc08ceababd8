import math
import re
from dataclasses import replace

from pipeline.params import Experiment, Gaussian, Trial
from pipeline.report.crops import Crop
from pipeline.report.curves import Curve, draw_curve
from pipeline.report.page import Report, render_page
from pipeline.report.published import Published
from pipeline.report.results import Measurement, Result

NETWORK = Result(
    experiment="net",
    model="dncnn.dncnn_s",
    data_set="bsd68",
    degradation="gaussian_25",
    protocol="gray-uint8",
    images=68,
    psnr=29.13,
    ssim=0.8,
    psnr_input=20.25,
    ssim_input=0.4,
    published=None,
    is_baseline=False,
)
BASELINE = replace(NETWORK, experiment="tv", model="tv", psnr=27.5, ssim=0.85, is_baseline=True)
PAPER = Published(
    model="dncnn.dncnn_s",
    data_set="bsd68",
    degradation="gaussian_25",
    protocol="gray-uint8",
    psnr=29.23,
    ssim=None,
    source="a paper & its tables",
    verified=True,
    system="DnCNN-S",
)


def report(*crops: Crop) -> Report:
    trial = Trial(
        dataset="bsd68",
        colour="gray",
        degradation=Gaussian(kind="gaussian", sigma_8bit=[15, 25], quantise=False),
        protocols=["gray-uint8"],
        baselines=["tv"],
    )
    settings = Experiment(
        arch="dncnn", model="dncnn_s", train_on="a", degradation="b", recipe="c", test_on="d"
    )
    curve = Curve(step=(1, 2), loss=(2, 1), psnr=(20, 21), learning_rate=(0.1, 0.1))
    return Report(
        name="net", settings=settings, trials=[trial], charts=draw_curve(curve), crops=crops
    )


def leaderboard(*results: Result, references: tuple[Published, ...] = ()) -> list[str]:
    """Return the rows of the leaderboard as text without markup."""
    page = render_page([report()], results, references)
    table = page[page.index("<tbody>") : page.index("</table>")]
    rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def test_a_leaderboard_block_says_data_degradation_and_protocol_and_puts_the_best_first() -> None:
    heading, first, second = leaderboard(BASELINE, NETWORK)

    assert (
        heading
        == "Gaussian noise, \N{GREEK SMALL LETTER SIGMA} 25 bsd68, 68 images protocol gray-uint8"
    )
    assert first == "net dncnn.dncnn_s 29.13 best 0.8000 20.25 / 0.4000 +8.88"
    assert second == "total variation classical 27.50 0.8500 best 20.25 / 0.4000 +7.25"


def test_numbers_of_different_protocols_are_never_in_one_block() -> None:
    rows = leaderboard(NETWORK, replace(NETWORK, protocol="gray-float"))

    assert [row.split()[0] for row in rows] == ["Gaussian", "net", "Gaussian", "net"]
    assert "best" not in " ".join(rows)


def test_equal_numbers_are_both_the_best() -> None:
    _, *rows = leaderboard(NETWORK, replace(BASELINE, psnr=NETWORK.psnr + 1e-4))

    assert [f"{NETWORK.psnr:.2f} best" in row for row in rows] == [True, True]


def test_a_published_number_stands_beside_the_measured_one_with_its_gap_and_source() -> None:
    _, row = leaderboard(replace(NETWORK, published=PAPER), references=(PAPER,))

    assert row == "net dncnn.dncnn_s 29.13 0.8000 20.25 / 0.4000 +8.88 29.23 1 \N{MINUS SIGN}0.10"


def test_a_published_number_without_a_measured_one_has_a_row_of_its_own() -> None:
    bm3d = replace(PAPER, model="bm3d", system="BM3D", psnr=28.57)
    elsewhere = replace(bm3d, system="FFDNet", protocol="gray-float")

    rows = leaderboard(NETWORK, BASELINE, references=(bm3d, elsewhere))

    assert [row.split()[0] for row in rows] == ["Gaussian", "net", "BM3D", "total"]
    assert rows[2] == "BM3D published only 28.57 1"


def test_perfect_results_are_shown() -> None:
    perfect = replace(NETWORK, psnr=math.inf, published=PAPER)

    _, first, second = leaderboard(perfect, replace(BASELINE, psnr=math.inf, psnr_input=math.inf))

    assert first.startswith("net dncnn.dncnn_s ∞ best 0.8000 20.25 / 0.4000 +∞ 29.23 1 +∞")
    assert second.endswith("0.00")


def test_a_page_of_baselines_alone_is_shown() -> None:
    page = render_page([], [BASELINE], [])

    assert "0 trained networks" in page
    assert "total variation" in page


def test_names_of_images_are_escaped() -> None:
    name = '<script>alert("1")</script> & co'
    measurement = Measurement(
        experiment="net",
        model="dncnn.dncnn_s",
        data_set="bsd68",
        image=name,
        degradation="gaussian_25",
        protocol="gray-uint8",
        psnr=29,
        ssim=0.8,
        psnr_input=20,
        ssim_input=0.4,
    )
    uri = "data:image/png;base64,AAAA"
    crop = Crop(
        choice="median",
        measurement=measurement,
        row=0,
        column=8,
        width=160,
        height=160,
        clean=uri,
        degraded=uri,
        restored=uri,
        error=uri,
        thumbnail=uri,
    )

    page = render_page([report(crop)], [replace(NETWORK, published=PAPER)], [])

    assert name not in page
    assert page.count("&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; co") == 6
    assert "a paper &amp; its tables" in page
