import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pipeline.degradations.settings import Gaussian
from pipeline.literature.published import Published
from pipeline.report.answers import answer
from pipeline.report.checklist import Check
from pipeline.report.crops import Crop
from pipeline.report.curves import WIDTH, Curve, draw_curve
from pipeline.report.leaderboard import by_place
from pipeline.report.network_table import Network
from pipeline.report.overlaps import Overlap, SharedScene
from pipeline.report.page import Findings, Report, render_page
from pipeline.report.recognition import Recognised
from pipeline.report.reconstructions import Restoring
from pipeline.report.repetitions import merge_repetitions
from pipeline.report.results import Measurement, Result
from pipeline.report.unmeasured import LeftOut, Unmeasured
from pipeline.settings.params import Experiment, Imported, Trial
from tests.unit.report_data import DRAW, PAPER, result_of

NETWORK = result_of(29.13)
BASELINE = result_of(27.5, experiment="tv", model="tv", ssim=0.85, is_baseline=True)
CARD: dict[str, Any] = {
    "model": {"class": "DnCNN", "channels": 1, "width": 32},
    "parameters": 56097,
    "weights_sha256": "ab",
    "degradation": {"kind": "gaussian", "sigma_8bit": 25.0, "quantise": False},
    "recipe": {"steps": 3000, "schedule": {"kind": "linear", "warmup": 100}},
    "seed": 0,
    "computed": {"device": "cpu", "precision": "bfloat16", "compiled": False},
    "trained_on": {"images": 11, "patches": 2345, "patch_size": 40},
}
OVERLAP = Overlap(
    train_set="photos",
    test_set="bsd68",
    why="the paper did so",
    scenes=(SharedScene(test_image="one", train_image="left", how="crop"),),
)


IN_FLOAT32 = Restoring(
    way="plain", tile=512, halo=17, exact=True, precision="float32", rms_8bit=None, max_8bit=None
)


def report(*crops: Crop, **changes: object) -> Report:
    trial = Trial(
        dataset="bsd68",
        colour="gray",
        degradation=Gaussian(kind="gaussian", sigma_8bit=[15, 25], quantise=False),
        protocols=["gray-uint8"],
        baselines=["tv"],
    )
    settings = Experiment(
        arch="dncnn",
        model="dncnn_s",
        train_on="a",
        recipe="c",
        start="random",
        test_on="d",
    )
    curve = Curve(step=(1, 2), loss=(2, 1), psnr=(20, 21), learning_rate=(0.1, 0.1))
    plain = Report(
        name="net",
        settings=settings,
        card=CARD,
        trials=[trial],
        charts=draw_curve(curve),
        restoring=IN_FLOAT32,
        crops=crops,
        overlaps={},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def imported() -> Report:
    settings = Imported(
        arch="dncnn", model="dncnn_s", source="a.mat", layout="matconvnet", test_on="d"
    )
    file = {"file": "a.mat", "sha256": "cd" * 32, "layout": "matconvnet"}
    card = {"model": CARD["model"], "parameters": 9, "weights_sha256": "ab", "imported": file}
    return report(settings=settings, card=card, charts=())


def checks(result: Result, published: Published) -> list[Check]:
    return [
        Check(
            item="training length",
            ours=f"3000 steps of {result.experiment}",
            paper=f"80000 steps of {published.system}",
            verdict="differs",
            note="3000 of 80000 steps",
        )
    ]


def noise_in_words(result: Result) -> str:
    sigma = result.degradation.removeprefix("gaussian_")
    return f"Gaussian noise, \N{GREEK SMALL LETTER SIGMA} {sigma}"


def page_of(
    *results: Result,
    reports: tuple[Report, ...] | None = None,
    references: tuple[Published, ...] = (),
    repetition_of: Mapping[str, str] | None = None,
    leading: set[tuple[str, str, str]] | None = None,
    headline: set[tuple[str, str, str]] | None = None,
    networks: tuple[Network, ...] = (),
    recognition: Recognised | None = None,
    left_out: Mapping[str, list[Unmeasured]] | None = None,
    uncompared: Mapping[str, list[str]] | None = None,
) -> str:
    headline = {result.place for result in results} if headline is None else headline
    merged = by_place(merge_repetitions(results, repetition_of or {}))
    return render_page(
        [report()] if reports is None else reports,
        Findings(
            results=results,
            networks=networks,
            degradations={one.degradation: noise_in_words(one) for one in results},
            leading={result.place for result in results} if leading is None else leading,
            headline=headline,
            answers=answer(merged, headline, networks),
            same_crops=(),
            strengths=(),
            looks=(),
            references=references,
            repetition_of=repetition_of or {},
            check=checks,
            draws={(DRAW.data_set, DRAW.degradation): DRAW},
            uncompared=uncompared or {},
            recognition=recognition,
            left_out=LeftOut(kinds=left_out or {}),
        ),
    )


def test_a_system_without_a_number_for_a_test_is_named_with_what_it_has() -> None:
    said = "DnCNN-3 has no number for b100 at bicubic_x2; the nearest it has is bsd100"

    words = section(page_of(NETWORK, uncompared={"net": [said]}), "literature")

    assert f"Nothing to compare with: net : {said}." in words
    assert "Every number with a published counterpart" not in words


def test_what_is_not_measured_is_named_in_the_head_with_the_command_that_measures_it() -> None:
    left_out = {
        "networks": [Unmeasured(name=name, ask=name, stage="train@x") for name in ("one", "two")],
        "recognisers": [],
        "classical methods on": [
            Unmeasured(name="set", ask="baseline@set", stage="baseline@set"),
        ],
    }

    page = page_of(NETWORK, left_out=left_out)

    assert (
        "Not measured yet, so left out of this page: networks one , two ; classical methods on set "
        ". restore run --experiments one two baseline@set measures them."
    ) in text_of(page.partition("<nav")[0])


def test_a_page_with_everything_on_it_says_nothing_of_what_is_missing() -> None:
    assert "Not measured" not in page_of(NETWORK)


def text_of(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def leaderboard(page: str) -> list[str]:
    """Return the rows of the leaderboard as text without markup."""
    board = page.index('<table id="board"')
    table = page[page.index("<tbody", board) : page.index("</table>", board)]
    return [text_of(row) for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)]


def section(page: str, name: str) -> str:
    """Return the text of one section of the page."""
    tag = "details" if name.startswith("experiment-") else "section"
    start = page.index(f'<{tag} id="{name}"')
    return text_of(page[start : page.index(f"</{tag}>", start)])


def test_a_leaderboard_block_says_data_degradation_and_protocol_and_puts_the_best_first() -> None:
    heading, first, second = leaderboard(page_of(BASELINE, NETWORK))

    assert (
        heading
        == "Gaussian noise, \N{GREEK SMALL LETTER SIGMA} 25 bsd68, 6 images protocol gray-uint8"
    )
    assert re.fullmatch(
        r"net dncnn.dncnn_s 29.13 best 28\.\d\d to 30\.\d\d best 0.8000 20.25 / 0.4000 \+8.88",
        first,
    )
    assert second.startswith("total variation classical 27.50 26.")
    assert second.endswith("0.8500 best 20.25 / 0.4000 +7.25")


def test_every_row_says_how_far_it_is_from_the_best_and_whether_that_is_noise() -> None:
    turning = {name: psnr + (-1) ** n for n, (name, psnr) in enumerate(NETWORK.psnr_of.items())}
    close = result_of(29.12, experiment="close", psnr_of=turning)

    _, first, second, third = leaderboard(page_of(NETWORK, BASELINE, close))

    assert "within noise" not in first
    assert second.startswith("close ")
    assert "within noise, \N{MINUS SIGN}" in second
    assert "\N{MINUS SIGN}1.63 \N{MINUS SIGN}1.63 to \N{MINUS SIGN}1.63" in third


def test_rows_of_other_degraded_images_are_not_compared() -> None:
    *_, row = leaderboard(page_of(NETWORK, result_of(28.0, 22.0, experiment="luma")))

    assert "other input" in row


def test_one_image_has_no_interval() -> None:
    one = replace(NETWORK, psnr_of={"a": 29.13}, input_of={"a": 20.25}, interval=None)
    other = replace(BASELINE, psnr_of={"a": 27.5}, input_of={"a": 20.25}, interval=None)

    _, first, second = leaderboard(page_of(one, other))

    assert "29.13 best no interval best" in first
    assert "one image: no interval" in second


def test_repetitions_are_one_row_with_their_spread() -> None:
    runs = [NETWORK, result_of(29.33, experiment="net_b")]
    reports = (report(), report(name="net_b"))

    page = page_of(*runs, reports=reports, repetition_of={"net_b": "net"})

    _, row = leaderboard(page)
    assert row.startswith(
        "net dncnn.dncnn_s mean of 2 runs: net , net_b 29.23 \N{PLUS-MINUS SIGN} 0.14"
    )
    assert "of net : the same settings, other random numbers" in section(page, "experiment-net_b")


def test_numbers_of_different_protocols_are_never_in_one_block() -> None:
    rows = leaderboard(page_of(NETWORK, replace(NETWORK, protocol="gray-float")))

    assert [row.split()[0] for row in rows] == ["Gaussian", "net", "Gaussian", "net"]


def test_the_board_has_the_protocols_of_the_trials_and_all_others_fold() -> None:
    other = replace(NETWORK, protocol="gray-float", psnr=29.01)

    page = page_of(NETWORK, other, leading={NETWORK.place})

    assert len(leaderboard(page)) == 2
    assert "Method gray-float gray-uint8 net 29.01 29.13" in section(page, "leaderboard")


def test_a_protocol_with_a_published_number_is_on_the_board() -> None:
    page = page_of(replace(NETWORK, published=PAPER), leading=set())

    assert len(leaderboard(page)) == 2


def test_equal_numbers_are_both_the_best() -> None:
    _, *rows = leaderboard(page_of(NETWORK, replace(BASELINE, psnr=NETWORK.psnr + 1e-4)))

    assert [f"{NETWORK.psnr:.2f} best" in row for row in rows] == [True, True]


def test_a_published_number_stands_beside_the_measured_one_with_its_gap_and_source() -> None:
    page = page_of(replace(NETWORK, published=PAPER), references=(PAPER,))

    _, row = leaderboard(page)
    assert row.endswith("+8.88 29.23 1 \N{MINUS SIGN}0.10 beyond \N{PLUS-MINUS SIGN}0.033")


def test_a_gap_has_its_margin_and_the_checklist_of_the_run() -> None:
    page = page_of(replace(NETWORK, published=PAPER), references=(PAPER,))

    words = section(page, "literature")
    assert "DnCNN-S 29.23 1 gap \N{MINUS SIGN}0.10 beyond \N{PLUS-MINUS SIGN}0.033" in words
    assert "training length 3000 steps of net 80000 steps of DnCNN-S differs" in words
    assert "Possible: the training length" in words


def test_an_error_within_the_interval_over_images_is_not_taken_for_chance() -> None:
    wide = result_of(29.23 - 0.3)
    assert wide.interval is not None
    assert wide.interval.contains(PAPER.psnr)

    page = page_of(replace(wide, published=PAPER))

    assert "beyond" in section(page, "literature")
    assert "Nothing to explain" not in section(page, "literature")


def test_a_gap_that_another_draw_may_make_needs_no_explanation() -> None:
    page = page_of(replace(result_of(29.21), published=PAPER))

    words = section(page, "literature")
    assert "\N{MINUS SIGN}0.02 within \N{PLUS-MINUS SIGN}0.033" in words
    assert "Nothing to explain: rounding and another draw of the noise may make as much." in words
    assert "Different all the same: training length." in words


def test_published_numbers_without_measured_ones_have_rows_of_their_own() -> None:
    bm3d = replace(PAPER, system="BM3D", psnr=28.57)
    elsewhere = replace(bm3d, system="FFDNet", protocol="gray-float")
    recalled = replace(PAPER, system="Restormer", psnr=29.5, from_memory=True)

    page = page_of(NETWORK, BASELINE, references=(bm3d, elsewhere, recalled))

    rows = leaderboard(page)
    assert [row.split()[0] for row in rows] == ["Gaussian", "Restormer", "net", "BM3D", "total"]
    assert rows[1] == "Restormer published only from memory 29.50 1"
    assert rows[3] == "BM3D published only 28.57 1"
    assert 'id="literature"' not in page


def test_of_many_published_systems_the_strongest_are_shown() -> None:
    many = [replace(PAPER, system=f"Net{number}", psnr=30.0 + number) for number in range(9)]

    rows = leaderboard(page_of(NETWORK, references=tuple(many)))

    assert [row.split()[0] for row in rows[1:]] == ["Net8", "Net7", "Net6", "Net5", "net"]


def test_an_accepted_overlap_is_said_beside_the_number() -> None:
    page = page_of(
        NETWORK,
        replace(NETWORK, data_set="set12"),
        reports=(report(overlaps={"bsd68": OVERLAP}),),
    )

    said = "1 test image overlaps the training set : accepted because the paper did so"
    assert [said in row for row in leaderboard(page)] == [False, True, False, False]
    assert said in section(page, "answers")
    assert "one left crop" in section(page, "experiment-net")


def test_settings_are_shown_with_their_values() -> None:
    words = section(page_of(NETWORK), "experiment-net")

    assert "DnCNN: channels 1, width 32; 56 097 parameters" in words
    assert "steps 3000, schedule linear (warmup 100)" in words
    assert "11 images, 2345 patches of 40\N{MULTIPLICATION SIGN}40" in words


def test_imported_weights_are_marked_and_have_no_training() -> None:
    page = page_of(NETWORK, reports=(imported(),))

    assert "imported weights" in leaderboard(page)[1]
    words = section(page, "experiment-net")
    assert "a.mat matconvnet layout" in words
    assert "nobody looked for test images among its training images" in words
    assert "Training" not in words
    assert "0 trained networks and 1 with published weights" in text_of(page)
    assert "dvc repro evaluate_imported@net" in page


def test_perfect_results_are_shown() -> None:
    perfect = replace(NETWORK, psnr=math.inf, interval=None, published=PAPER)
    both = replace(BASELINE, psnr=math.inf, psnr_input=math.inf, interval=None)

    _, first, second = leaderboard(page_of(perfect, both))

    assert first.startswith("net dncnn.dncnn_s ∞ best no interval best 0.8000 20.25 / 0.4000 +∞")
    assert second.endswith("0.00")


def test_a_page_of_baselines_alone_is_shown() -> None:
    page = page_of(BASELINE, reports=())

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

    page = page_of(replace(NETWORK, published=PAPER), reports=(report(crop),))

    assert name not in page
    assert page.count("&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; co") == 6
    assert "a paper &amp; its tables" in page


def test_page_says_how_images_were_restored() -> None:
    page = section(page_of(NETWORK), "experiment-net")

    assert "Restored in tiles of 512 pixels with a halo of 17 computed in float32" in page
    assert "differs from float32" not in page


def test_page_says_what_a_short_format_costs() -> None:
    short = Restoring(
        way="plain",
        tile=512,
        halo=17,
        exact=True,
        precision="bfloat16",
        rms_8bit=0.0816,
        max_8bit=1.294,
    )

    page = section(page_of(NETWORK, reports=(report(restoring=short),)), "experiment-net")

    assert (
        "computed in bfloat16, which differs from float32 by an rms of up to 0.082 and at most "
        "1.29 of 255"
    ) in page


@pytest.mark.parametrize(("compiled", "shown"), [(True, True), (False, False)])
def test_page_says_whether_a_training_was_compiled(compiled: bool, shown: bool) -> None:
    card = {**CARD, "computed": {**CARD["computed"], "compiled": compiled}}

    page = section(page_of(NETWORK, reports=(report(card=card),)), "experiment-net")

    assert ("on cpu, compiled" in page) == shown


@pytest.mark.parametrize(
    ("steps", "last"), [(20, "20"), (200, "200"), (1500, "1500"), (800_000, "800k")]
)
def test_steps_below_a_curve_are_not_cut_off(steps: int, last: str) -> None:
    values = (1.0, 2.0)
    curve = Curve(step=(1.0, float(steps)), loss=values, psnr=values, learning_rate=values)
    drawn = replace(report(), charts=draw_curve(curve))

    page = page_of(NETWORK, reports=(drawn,))

    labels = re.findall(r'<text class="x( before)?" x="([\d.]+)" y="[\d.]+">([^<]+)</text>', page)
    assert labels[-1][2] == last
    for ends, x, text in labels:
        wide = 5.9 * len(text)  # of digits of 10.5 px
        assert float(x) + (0 if ends else wide / 2) <= WIDTH


def test_networks_stand_beside_what_they_cost() -> None:
    network = Network(
        result=NETWORK,
        parameters=56097,
        published=556097,
        receptive_field=None,
        multiply_adds=3_612_345_678,
        steps=3000,
        training=12_345_678_901_234,
    )

    table = section(page_of(NETWORK, networks=(network,)), "networks")

    assert "56 097 556 097 whole image 3.61 3 000 12 346" in table


def test_without_networks_there_is_no_table_of_them() -> None:
    assert 'id="networks"' not in page_of(NETWORK)
