import base64
import csv
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.arrays.pixels import Array, Bytes, to_8bit
from pipeline.arrays.tables import columns_of, write_mappings, write_table
from pipeline.contamination.overlap_table import OverlapRow
from pipeline.degradations.settings import Gaussian
from pipeline.images.benchmarks import write_trials
from pipeline.images.files import read_image, write_png
from pipeline.literature import published
from pipeline.measuring.perceptual_table import Perceived
from pipeline.measuring.score_table import INPUT, Score
from pipeline.report.crops import MOST_PICTURED, detail, squared_error, strongest_window
from pipeline.report.overlaps import read_overlaps
from pipeline.report.results import ResultRow
from pipeline.report.words import break_name
from pipeline.settings.outside import Outside
from pipeline.settings.params import AcceptedOverlap, Applied, Experiment, Imported, Trial, Way
from pipeline.settings.perceptual import Perceptual
from pipeline.settings.programs import Program
from stages.report import report
from tests.browser import needs_chromium, opened
from tests.recognised import Recognised, faces

FOLDERS = (
    "evaluated",
    "baselines",
    "restored",
    "benchmark_images",
    "curves",
    "models",
    "overlaps",
)
IMAGES = ("bridge", "harbour", "market")


NOISE = {"kind": "gaussian", "sigma_8bit": 25.0, "quantise": False}
RECIPE = {"steps": 3000, "batch": 8}
BANK = {"bank": "photos", "images": 11, "patches": 99, "patch_size": 40}
COMPUTED = {"device": "cpu", "precision": "float32", "compiled": False}
SEEDED = {"steps": 3000, "seed": 0, "computed": COMPUTED}


def picture(seed: int) -> Array:
    return np.random.default_rng(seed).random((200, 176, 1), dtype=np.float32)


class Project:
    """What the stages before the report leave behind, made up."""

    def __init__(self, root: Path, sigmas: tuple[int, ...] = (15, 25)) -> None:
        self.levels = [f"gaussian_{sigma}" for sigma in sigmas]
        self.folders = {name: root / name for name in FOLDERS}
        self.literature = root / "literature"
        shutil.copytree(published.SHIPPED.parent, self.literature)
        self.out = root / "report"
        (self.literature / "papers.toml").write_text(
            '[DnCNN-S]\nreference = "a paper"\nsteps = 80000\nbatch = 128\n'
        )
        self.write_published("DnCNN-S,bsd68,gaussian_25,gray-uint8,psnr,29.23,false,DnCNN")
        trial = Trial(
            dataset="bsd68",
            colour="gray",
            degradation=Gaussian(kind="gaussian", sigma_8bit=list(sigmas), quantise=False),
            protocols=["gray-uint8"],
            baselines=["tv"],
        )
        self.benchmarks = {"denoise": [trial]}
        self.experiments = {"net": self.experiment("denoise")}
        self.imported: dict[str, Imported] = {}
        self.applied: dict[str, Applied] = {}
        self.programs: dict[str, Program] = {}
        self.outside: dict[str, Outside] = {}
        self.accepted: list[AcceptedOverlap] = []
        self.recognised = Recognised(root)
        self.write_experiment("net")
        self.write_benchmark("denoise")

    def experiment(self, benchmark: str) -> Experiment:
        return Experiment(
            arch="dncnn",
            model="dncnn_s",
            train_on="pairs",
            recipe="quick",
            start="random",
            test_on=benchmark,
            compare_with="DnCNN-S",
        )

    def write_published(self, *lines: str) -> None:
        (self.literature / "published.csv").write_text(
            "\n".join([",".join(columns_of(published.Line)), *lines]) + "\n"
        )

    def write_experiment(self, name: str, psnr: float = 28.5) -> None:
        for position, level in enumerate(self.levels):
            for number, image in enumerate(IMAGES):
                path = self.folders["restored"] / name / "bsd68" / level / f"{image}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_png(path, picture(number) * np.float32(0.9 - 0.1 * position))
        tiling = self.folders["restored"] / name / "tiling.json"
        tiling.write_text('{"way": "plain", "halo": 8, "tile": 512, "precision": "float32"}')
        self.write_scores(
            self.folders["evaluated"] / name / "scores.csv", name, "dncnn.dncnn_s", psnr
        )
        self.write_card(
            name,
            {
                "pairs": "pairs",
                "degradation": NOISE,
                "recipe": RECIPE,
                "trained_on": BANK,
                **SEEDED,
            },
        )
        self.write_overlaps("pairs")
        curve = self.folders["curves"] / f"{name}.csv"
        curve.parent.mkdir(exist_ok=True)
        curve.write_text(
            "step,loss,psnr_train_patches,learning_rate\n100,0.5,20,0.001\n200,0.25,23,0.001\n"
        )

    def card(self, name: str) -> Path:
        return self.folders["models"] / name / "card.json"

    def write_card(self, name: str, facts: dict[str, Any]) -> None:
        card = {"model": {"class": "DnCNN"}, "parameters": 9, "weights_sha256": "ab", **facts}
        path = self.card(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(card))

    def write_overlaps(self, name: str, *rows: str) -> None:
        self.folders["overlaps"].mkdir(exist_ok=True)
        path = self.folders["overlaps"] / f"{name}.csv"
        path.write_text("\n".join([",".join(columns_of(OverlapRow)), *rows]) + "\n")

    def import_network(self, name: str) -> None:
        """Put a network with published weights beside the others, without training."""
        self.imported[name] = Imported(
            arch="dncnn",
            model="dncnn_s",
            source="weights.mat",
            layout="matconvnet",
            test_on="denoise",
            compare_with="DnCNN-S",
        )
        self.write_experiment(name, 29.5)
        file = {"file": "weights.mat", "sha256": "cd" * 32, "layout": "matconvnet"}
        self.write_card(name, {"imported": file})
        (self.folders["curves"] / f"{name}.csv").unlink()

    def write_benchmark(self, name: str) -> None:
        for level in self.levels:
            for number, image in enumerate(IMAGES):
                place = self.folders["benchmark_images"] / name / "bsd68" / level
                for kind in ("clean", "degraded"):
                    (place / kind).mkdir(parents=True, exist_ok=True)
                write_png(place / "clean" / f"{image}.png", picture(number))
                np.save(place / "degraded" / f"{image}.npy", picture(number) + picture(99) - 0.5)
        write_trials(self.folders["benchmark_images"] / name, self.benchmarks["denoise"])
        cards = [
            {"data_set": "bsd68", "image": image, "label": level, "sigma_8bit": level.split("_")[1]}
            for level in self.levels
            for image in IMAGES
        ]
        write_mappings(self.folders["benchmark_images"] / name / "card.csv", cards)
        baselines = self.folders["baselines"] / name / "scores.csv"
        self.write_scores(baselines, INPUT, INPUT, 20, (0, 0))
        self.write_scores(baselines, "tv", "tv", 26.5, more=True)

    def write_scores(
        self,
        path: Path,
        experiment: str,
        model: str,
        psnr: float,
        worse_by: tuple[float, float] = (0, 0.25),
        *,
        more: bool = False,
    ) -> None:
        ssim = 0.4 if experiment == INPUT else 0.8
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if more else "w", newline="") as file:
            writer = csv.writer(file)
            if not more:
                writer.writerow(columns_of(Score))
            for level in self.levels:
                for number, image in enumerate(IMAGES):
                    for protocol, worse in zip(("gray-uint8", "gray-float"), worse_by, strict=True):
                        scores = (psnr + number - worse, ssim)
                        writer.writerow(
                            [experiment, model, "bsd68", image, level, protocol, *scores]
                        )

    def report(self) -> None:
        report(
            **self.folders,
            literature=self.literature,
            out=self.out,
            experiments=self.experiments,
            imported=self.imported,
            applied=self.applied,
            programs=self.programs,
            outside=self.outside,
            benchmarks=self.benchmarks,
            accepted_overlaps=self.accepted,
            tasks=self.recognised.tasks,
            inputs=self.recognised.inputs,
            restored_inputs=self.recognised.restored,
            recognition=self.recognised.recognition,
        )

    def table(self, name: str = "results") -> list[dict[str, str]]:
        with (self.out / f"{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def page(self) -> str:
        return (self.out / "index.html").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes, and those that are left open."""

    VOID = frozenset({"meta", "link", "img", "br", "input", "circle"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[Any]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_table_has_a_row_for_each_result(project: Project) -> None:
    project.report()

    rows = project.table()
    assert tuple(rows[0]) == columns_of(ResultRow)
    assert [
        (row["experiment"], row["degradation"], row["protocol"], row["psnr"]) for row in rows
    ] == [
        ("net", "gaussian_15", "gray-float", "29.2500"),
        ("tv", "gaussian_15", "gray-float", "27.2500"),
        ("net", "gaussian_15", "gray-uint8", "29.5000"),
        ("tv", "gaussian_15", "gray-uint8", "27.5000"),
        ("net", "gaussian_25", "gray-float", "29.2500"),
        ("tv", "gaussian_25", "gray-float", "27.2500"),
        ("net", "gaussian_25", "gray-uint8", "29.5000"),
        ("tv", "gaussian_25", "gray-uint8", "27.5000"),
    ]


def test_published_numbers_are_joined_by_system_and_protocol(project: Project) -> None:
    project.report()

    gaps = [
        (row["experiment"], row["degradation"], row["protocol"], row["psnr_gap"])
        for row in project.table()
        if row["psnr_gap"]
    ]
    assert gaps == [("net", "gaussian_25", "gray-uint8", "0.2700")]


def test_a_gap_has_a_checklist_filled_from_card_and_paper(project: Project) -> None:
    project.report()

    text = " ".join(re.sub(r"<[^>]+>", " ", project.page()).split())
    checklist = text[text.index("Every number with a published counterpart") :]
    assert re.search(r"training length 3,000 steps, batches of 8 80,000 steps", checklist)


def test_levels_that_were_not_published_of_a_system_are_named(project: Project) -> None:
    project.report()

    text = " ".join(re.sub(r"<[^>]+>", " ", project.page()).split())
    assert (
        "net : DnCNN-S has no number for bsd68 at gaussian_15; the nearest it has is bsd68 at "
        "gaussian_25 by gray-uint8."
    ) in text


def test_a_classical_method_has_a_checklist_too(project: Project) -> None:
    path = project.folders["baselines"] / "denoise" / "scores.csv"
    path.write_text(path.read_text().replace("tv,tv", "identity,identity"))
    project.write_published("Noisy input,bsd68,gaussian_25,gray-uint8,psnr,20.17,false,definition")

    project.report()

    assert [row["psnr_gap"] for row in project.table() if row["psnr_gap"]] == ["7.3300"]
    assert "<b>degraded image as it is</b>" in project.page()


def test_the_page_leads_with_the_protocols_of_the_trial(project: Project) -> None:
    project.report()

    board = project.page().partition('<table id="board"')[2].partition("</table>")[0]
    assert "#protocol-gray-uint8" in board
    assert "#protocol-gray-float" not in board
    assert "by <code>gray-float</code>" not in project.page()


def test_every_pair_is_compared_on_the_same_images(project: Project) -> None:
    project.experiments["other"] = project.experiments["net"].model_copy(update={"recipe": "long"})
    project.write_experiment("other", 28.5)

    project.report()

    found = {
        (row["experiment"], row["other"]): (row["difference"], row["low"], row["within_noise"])
        for row in project.table("comparisons")
        if (row["degradation"], row["protocol"]) == ("gaussian_25", "gray-uint8")
    }
    assert found == {
        ("net", "other"): ("0.0000", "0.0000", "true"),
        ("net", "tv"): ("2.0000", "2.0000", "false"),
        ("other", "tv"): ("2.0000", "2.0000", "false"),
    }


def test_repetitions_are_rows_of_the_table_and_one_row_of_the_page(project: Project) -> None:
    project.experiments["net_again"] = project.experiments["net"]
    project.write_experiment("net_again", 28.7)

    project.report()

    rows = {row["experiment"]: row["repetition_of"] for row in project.table()}
    assert rows == {"net": "", "net_again": "net", "tv": ""}
    (row, *_) = project.table("repetitions")
    assert (row["names"], row["psnr"], row["psnr_spread"]) == ("net net_again", "29.3500", "0.1414")
    board = project.page().partition("<table id")[2].partition("</table>")[0]
    assert "mean of 2 runs" in board
    assert 'data-value="net_again"' not in board


def test_imported_weights_are_reported_without_training(project: Project) -> None:
    project.import_network("zhang")

    project.report()

    gaps = {row["experiment"]: row["psnr_gap"] for row in project.table() if row["psnr_gap"]}
    assert gaps == {"net": "0.2700", "zhang": "1.2700"}
    assert "imported weights" in project.page()
    assert project.page().count('class="chart"') == 3


def test_an_accepted_overlap_is_said(project: Project) -> None:
    project.accepted = [AcceptedOverlap(train="photos", test="bsd68", why="the paper did so")]
    project.write_overlaps("pairs", "photos,left,bsd68,bridge,crop,0.9,80,1,1,0.5")

    project.report()

    assert "accepted because the paper did so" in project.page()


def test_the_table_of_overlaps_is_the_one_that_the_guard_writes(tmp_path: Path) -> None:
    accepted = AcceptedOverlap(train="a", test="b", why="x")
    row = OverlapRow(
        train_set="a",
        train_image="one",
        test_set="b",
        test_image="two",
        how="cut from",
        correlation=1,
        keypoints=99,
        scale=1,
        train_share=1,
        test_share=0.25,
    )

    write_table(tmp_path / "net.csv", OverlapRow, [row])

    (found,) = read_overlaps(tmp_path / "net.csv", "guard@net", [accepted]).values()
    (scene,) = found.scenes
    assert (found.train_set, found.test_set) == ("a", "b")
    assert (scene.train_image, scene.test_image, scene.how) == ("one", "two", "cut from")


def test_a_number_of_another_level_is_not_joined(project: Project) -> None:
    project.write_published("DnCNN-S,bsd68,gaussian_50,gray-uint8,psnr,29.23,false,DnCNN")

    project.report()

    assert {row["psnr_published"] for row in project.table()} == {""}
    assert "29.23" not in project.page()


def test_the_same_results_give_the_same_bytes(project: Project) -> None:
    project.report()
    first = {path.name: path.read_bytes() for path in project.out.iterdir()}

    project.report()

    assert sorted(first) == [
        "comparisons.csv",
        "downstream.csv",
        "index.html",
        "networks.csv",
        "recognition.csv",
        "repetitions.csv",
        "results.csv",
        "results.md",
    ]
    assert first == {path.name: path.read_bytes() for path in project.out.iterdir()}


def test_what_the_params_do_not_name_is_left_out(project: Project) -> None:
    project.report()
    before = {path.name: path.read_bytes() for path in project.out.iterdir()}
    project.write_experiment("old_net")
    project.write_benchmark("old_denoise")
    (project.folders["evaluated"] / "notes.txt").write_text("unrelated")

    project.report()

    assert before == {path.name: path.read_bytes() for path in project.out.iterdir()}


def test_a_benchmark_shared_by_experiments_gives_each_classical_row_once(project: Project) -> None:
    project.benchmarks["again"] = project.benchmarks["denoise"]
    project.experiments["other"] = project.experiment("again")
    project.write_experiment("other")
    project.write_benchmark("again")

    project.report()

    assert [row["experiment"] for row in project.table()] == ["net", "other", "tv"] * 4


@pytest.mark.parametrize(
    ("lost", "stage"),
    [
        ("evaluated/net", "evaluate@net"),
        ("baselines/denoise", "baseline@denoise"),
        ("curves/net.csv", "train@net"),
        ("models/net", "train@net"),
        ("overlaps/pairs.csv", "guard@pairs"),
        ("evaluated/zhang", "evaluate_imported@zhang"),
        ("models/zhang", "import_weights@zhang"),
        ("restored/zhang", "reconstruct_imported@zhang"),
        ("restored/net", "reconstruct@net"),
        ("benchmark_images/denoise", "degrade_test@denoise"),
    ],
)
def test_what_has_not_run_is_left_out_and_said_with_the_command_that_runs_it(
    project: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture, lost: str, stage: str
) -> None:
    project.import_network("zhang")
    project.experiments["other"] = project.experiments["net"].model_copy(update={"recipe": "long"})
    project.write_experiment("other")
    path = tmp_path / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()

    project.report()

    everything = {"net", "zhang", "other", "baseline@denoise"}
    of_all = {"denoise": everything, "pairs": {"net", "other"}}
    gone = of_all.get(Path(lost).stem, {Path(lost).stem})
    names = {row["experiment"] for row in project.table()}
    assert names == {name.replace("baseline@denoise", "tv") for name in everything - gone}
    (said,) = (record.getMessage() for record in caplog.records)
    command = said.split("`")[1].removeprefix("restore run --experiments ").split()
    assert set(command) == gone
    head = project.page().partition("<nav")[0]
    assert f"restore run --experiments {' '.join(command)}" in head
    assert f"stage {stage} has not run" in head
    assert Tags(project.page()).open == []


def test_scores_of_images_that_the_benchmark_had_before_are_left_out(project: Project) -> None:
    project.experiments["other"] = project.experiments["net"].model_copy(update={"recipe": "long"})
    project.write_experiment("other")
    scores = project.folders["evaluated"] / "other" / "scores.csv"
    scores.write_text(scores.read_text().replace(",gaussian_15,", ",gaussian_10,"))

    project.report()

    assert {row["experiment"] for row in project.table()} == {"net", "tv"}
    assert "stage evaluate@other has not run" in project.page()


def test_a_repetition_of_what_has_not_run_stands_for_itself(project: Project) -> None:
    project.experiments["again"] = project.experiments["net"]
    project.write_experiment("again")
    (project.folders["evaluated"] / "net" / "scores.csv").unlink()

    project.report()

    rows = [(row["experiment"], row["repetition_of"]) for row in project.table()]
    assert set(rows) == {("again", ""), ("tv", "")}


def test_a_report_of_nothing_is_a_page_that_says_so(project: Project) -> None:
    for name in ("evaluated", "baselines"):
        shutil.rmtree(project.folders[name])

    project.report()

    assert project.table() == []
    assert "restore run --experiments net baseline@denoise" in project.page()
    assert Tags(project.page()).open == []


def test_a_picture_that_is_missing_beside_others_is_an_error(project: Project) -> None:
    (project.folders["restored"] / "net" / "bsd68" / "gaussian_15" / "harbour.png").unlink()

    with pytest.raises(FileNotFoundError, match=r"harbour.png: .*--force reconstruct@net'"):
        project.report()

    assert not project.out.exists()


def test_rows_of_another_experiment_are_refused(project: Project) -> None:
    project.write_scores(
        project.folders["evaluated"] / "net" / "scores.csv", "old", "dncnn.dncnn_s", 28.5
    )

    with pytest.raises(ValueError, match=r"net/scores.csv: expected rows of the experiment 'net'"):
        project.report()


def test_an_experiment_without_results_is_refused(project: Project) -> None:
    path = project.folders["evaluated"] / "net" / "scores.csv"
    path.write_text(",".join(columns_of(Score)) + "\n")

    with pytest.raises(ValueError, match=r"net/scores.csv: expected rows .*evaluate@net"):
        project.report()


def test_results_without_the_first_protocol_of_the_trial_are_refused(project: Project) -> None:
    path = project.folders["evaluated"] / "net" / "scores.csv"
    lines = [line for line in path.read_text().splitlines() if "gray-uint8" not in line]
    path.write_text("\n".join(lines) + "\n")

    with pytest.raises(ValueError, match=r"net by gray-uint8, came none.*evaluate@net"):
        project.report()


def test_a_restored_image_of_another_size_is_refused(project: Project) -> None:
    for path in (project.folders["restored"] / "net").rglob("*.png"):
        write_png(path, picture(1)[:-8])

    with pytest.raises(ValueError, match=r"shape \(200, 176, 1\).*reconstruct@net"):
        project.report()


def test_the_page_needs_no_other_file(project: Project) -> None:
    project.report()
    page = project.page()

    tags = Tags(page)

    assert tags.open == []
    for _, attributes in tags.found:
        for key in ("src", "href", "srcset", "poster", "action"):
            assert (attributes.get(key) or "data:").startswith(("data:", "#"))
    assert re.findall(r"@import|url\((?!#|data:)|fetch\(|https?://", page) == []


def test_links_inside_the_page_lead_somewhere(project: Project) -> None:
    project.report()

    tags = Tags(project.page())

    links = {attributes.get("href") for tag, attributes in tags.found if tag == "a"}
    places = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert links <= {f"#{place}" for place in places}
    assert len(places) == len(set(places))


def test_every_picture_has_a_text_and_every_level_a_picture(project: Project) -> None:
    project.report()

    pictures = [attributes for tag, attributes in Tags(project.page()).found if tag == "img"]

    assert all(attributes["alt"] for attributes in pictures)
    # The median image of two levels, and the one that gained least: four pictures each.
    assert len(pictures) == 3 * 4 + 1


def test_the_median_image_and_the_one_with_the_least_gain_are_shown(project: Project) -> None:
    project.report()

    captions = re.findall(r"<span>(\w+)</span> of bsd68", project.page())

    assert captions == ["harbour", "harbour", "bridge"]


def test_of_many_levels_the_first_and_the_last_are_shown(tmp_path: Path) -> None:
    project = Project(tmp_path, sigmas=(10, 20, 30, 40, 50, 60, 70))

    project.report()

    shown = re.findall(r"<h4>\s*Gaussian noise, \w\s(\d+)\s", project.page())
    assert shown == ["10", "70", "10"]


def test_gains_are_drawn_against_the_sigma_on_the_cards_of_the_images(tmp_path: Path) -> None:
    project = Project(tmp_path, sigmas=(15, 25, 50))

    project.report()

    (figure,) = re.findall(r'<section id="strengths">.*?</section>', project.page(), re.DOTALL)
    assert "sigma on the scale of 0 to 255" in figure
    assert re.findall(r'<text class="x" [^>]*>(\d+)</text>', figure) == ["15", "25", "50"]
    assert re.search(r"net: \+\d\.\d\d dB at 15, \+\d\.\d\d dB at 25, ", figure)


def test_windows_follow_detail_and_error(project: Project) -> None:
    project.report()

    places = re.findall(r"pixels at row (\d+), column (\d+)", project.page())
    median, _, least_gain = [(int(row), int(column)) for row, column in places]
    assert median == strongest_window(detail(picture(1)))
    assert least_gain == strongest_window(squared_error(picture(0) * np.float32(0.9), picture(0)))
    assert least_gain != strongest_window(detail(picture(0)))


def add_other(project: Project) -> None:
    """Add an experiment of another recipe, a little worse than ``net``."""
    project.experiments["other"] = project.experiments["net"].model_copy(update={"recipe": "long"})
    project.write_experiment("other", 28.25)


def test_the_same_window_is_shown_of_all_networks_of_a_test(
    project: Project, tmp_path: Path
) -> None:
    add_other(project)
    worse = picture(1).copy()
    worse[40:, 16:] = 0  # where the two are furthest apart
    write_png(
        project.folders["restored"] / "other" / "bsd68" / "gaussian_15" / "harbour.png", worse
    )

    project.report()

    first = project.page().partition('<div class="same"')[2].partition("</div>\n    <h4>")[0]
    sources = re.findall(r'data:image/png;base64,([^")]+)', first)
    clean, degraded, net, other = map(decoded(tmp_path), sources[:4])
    row, column = map(int, re.findall(r"at row (\d+), column (\d+)", first)[0])
    window = np.s_[row : row + 160, column : column + 160]
    np.testing.assert_array_equal(clean, to_8bit(picture(1))[window])
    np.testing.assert_array_equal(degraded, to_8bit(picture(1) + picture(99) - 0.5)[window])
    np.testing.assert_allclose(net, to_8bit(picture(1) * np.float32(0.9))[window], atol=1)
    np.testing.assert_array_equal(other, to_8bit(worse)[window])


def test_of_very_many_entries_the_best_of_each_test_has_pictures(project: Project) -> None:
    for number in range(MOST_PICTURED):
        name = f"net_{number}"
        project.experiments[name] = project.experiments["net"].model_copy(update={"recipe": name})
        project.write_experiment(name, 28.0 - number / 100)

    project.report()

    assert set(re.findall(r"<span>harbour</span> of (\w+)", project.page())) == {"bsd68"}
    assert project.page().count('<article class="crop">') == 3
    assert "data/restored/net_7</code>" in project.page()


def test_one_network_alone_has_nothing_beside_it(project: Project) -> None:
    project.report()

    assert 'id="crops"' not in project.page()


def test_the_summary_says_which_network_by_how_much_and_how_sure(project: Project) -> None:
    project.report()

    summary = (project.out / "results.md").read_text(encoding="utf-8")
    noise = "Gaussian noise, \N{GREEK SMALL LETTER SIGMA}\N{NO-BREAK SPACE}15"
    assert f"- **{noise}**, bsd68: **net** 29.50 dB" in summary
    assert "over total variation, on all 3 images" in summary
    assert summary.count("\n## ") == len(project.levels)


def test_pictures_are_cut_from_the_images(project: Project, tmp_path: Path) -> None:
    project.report()

    page = project.page()
    sources = re.findall(r'<img [^>]*src="data:image/png;base64,([^"]+)"', page)
    row, column = map(int, re.findall(r"pixels at row (\d+), column (\d+)", page)[0])
    thumbnail, degraded, restored, clean, error = map(decoded(tmp_path), sources[:5])
    window = np.s_[row : row + 160, column : column + 160]
    noisy, better = picture(1) + picture(99) - 0.5, picture(1) * np.float32(0.9)
    np.testing.assert_array_equal(degraded, to_8bit(noisy)[window])
    np.testing.assert_allclose(restored, to_8bit(better)[window], atol=1)
    np.testing.assert_array_equal(clean, to_8bit(picture(1))[window])
    np.testing.assert_allclose(error, clean * 0.8, atol=8)
    np.testing.assert_array_equal(thumbnail[:, :48], degraded[32:128, 32:80])
    np.testing.assert_array_equal(thumbnail[:, 48:], restored[32:128, 80:128])


def decoded(folder: Path) -> Callable[[str], Bytes]:
    """Return a function that reads the picture inside a data URI, in 8 bits."""

    def read(text: str) -> Bytes:
        path = folder / "picture.png"
        path.write_bytes(base64.b64decode(text))
        return to_8bit(read_image(path))

    return read


@pytest.mark.browser
@needs_chromium
def test_a_browser_sorts_rows_and_moves_sliders(project: Project) -> None:
    project.report()

    with opened((project.out / "index.html").as_uri()) as page:
        heading = page.locator("#board thead button").first
        heading.click()
        heading.click()  # by method, last name first
        page.goto(f"{page.url}#gap-1")
        page.locator("#experiment-net > summary").click()
        slider = page.locator(".pair input").first
        slider.fill("25")

        methods = page.locator("#board tr[class] > th[data-value]").all()
        assert [one.get_attribute("data-value") for one in methods] == ["tv", "net"] * 2
        assert page.locator('#board th[aria-sort="descending"]').count() == 1
        assert page.locator("#gap-1").get_attribute("open") is not None
        assert page.locator(".pair").count() == 3
        assert "--at: 25%" in (page.locator(".pair").first.get_attribute("style") or "")


@pytest.mark.browser
@needs_chromium
def test_a_browser_shows_one_figure_of_costs_and_rows_that_were_asked_for(project: Project) -> None:
    add_other(project)
    for name in ("net", "other"):
        cost = {"multiply_adds_256": 2**20, "receptive_field": 9}
        project.write_card(name, json.loads(project.card(name).read_text()) | cost)
    project.report()

    with opened((project.out / "index.html").as_uri()) as page:
        page.select_option("#cost", "training")
        page.locator("#best tbody tr").nth(1).locator("th").click()
        page.fill("#filter", "OTHER")

        shown = page.locator("#costs-of-tests figure:visible")
        assert shown.count() == 1
        assert (shown.get_attribute("data-test"), shown.get_attribute("data-cost")) == (
            "2",
            "training",
        )
        assert page.locator("#board tr.network:visible, #board tr.classical:visible").count() == 2
        assert "other" in page.locator("#board tr.network:visible").first.inner_text()


@pytest.mark.browser
@needs_chromium
def test_a_browser_enlarges_all_windows_of_an_image_around_one_place(project: Project) -> None:
    add_other(project)
    project.report()

    with opened((project.out / "index.html").as_uri()) as page:
        windows = page.locator(".same").first.locator(".window img")
        before = windows.first.evaluate("one => getComputedStyle(one).transform")
        page.locator("#zoom").fill("3")
        page.check("#errors")
        page.locator(".same .window").nth(1).hover(position={"x": 10, "y": 20})

        after = windows.evaluate_all(
            "all => all.map(one => [getComputedStyle(one).transform,"
            " getComputedStyle(one).transformOrigin].join())"
        )
        assert before == "matrix(1, 0, 0, 1, 0, 0)"
        assert len(after) == 3
        assert len(set(after)) == 1
        assert after[0].startswith("matrix(3, 0, 0, 3, 0, 0),10")


def test_recognisers_are_reported_beside_the_restored_images(
    project: Project, tmp_path: Path
) -> None:
    project.recognised = faces(tmp_path)

    project.report()

    assert [row["restored"] for row in project.table("downstream")] == ["noisy_net", "noisy_tiny"]
    assert {row["recogniser"] for row in project.table("recognition")} == {"clean"}
    assert '<section id="recognition">' in project.page()
    assert '<a href="#recognition">' in project.page()
    assert Tags(project.page()).open == []


def test_a_project_without_recognisers_has_headers_alone_and_no_section(project: Project) -> None:
    project.report()

    assert (project.table("downstream"), project.table("recognition")) == ([], [])
    assert "ecogni" not in project.page().partition("<body>")[2]


@pytest.mark.parametrize(
    ("lost", "stage"),
    [("evaluated/clean", "recognise@clean"), ("models/clean", "learn@clean")],
)
def test_a_recogniser_that_has_not_run_is_left_out_and_said(
    project: Project, tmp_path: Path, lost: str, stage: str
) -> None:
    project.recognised = faces(tmp_path)
    shutil.rmtree(tmp_path / lost)

    project.report()

    assert project.table("recognition") == []
    assert '<section id="recognition">' not in project.page()
    assert f'title="stage {stage} has not run">clean</span>' in project.page()


def test_trainings_whose_loss_has_not_fallen_are_named_in_the_head_and_said(
    project: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project.recognised = faces(tmp_path)
    for name in ("net", "clean"):
        path = project.folders["curves"] / f"{name}.csv"
        head, *_, last = path.read_text().splitlines()
        same = last.partition(",")[2]
        rows = [f"{100 * (n + 1)},{same}" for n in range(20)]
        path.write_text("\n".join([head, *rows]) + "\n")

    project.report()

    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(":")[0] for line in said] == ["net", "clean"]
    head = project.page().partition("<nav")[0]
    for anchor, line in zip(("experiment-net", "recogniser-clean"), said, strict=True):
        name, _, warning = line.partition(": ")
        assert f'<a href="#{anchor}">{name}</a>: {warning}' in head
        assert f'id="{anchor}"' in project.page()
    assert project.page().count('<p class="warning">The loss has not fallen') == 2
    assert Tags(project.page()).open == []


def apply_net(project: Project, name: str, way: Way) -> None:
    """Let the project have measured the weights of ``net`` in another way."""
    project.write_experiment(name, 29)
    (project.folders["curves"] / f"{name}.csv").unlink()
    project.applied[name] = Applied(
        arch="dncnn", model="dncnn_s", weights="net", way=way, test_on="denoise"
    )


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("width", [400, 1000, 1280])
def test_long_names_and_ways_make_no_page_wider_than_a_window(project: Project, width: int) -> None:
    apply_net(project, "net_as_written_with_slopes_a_pixel_local", "local_averages")
    project.report()

    with opened((project.out / "index.html").as_uri(), width=width) as page:
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth") <= page.evaluate(f"{root}.clientWidth")


@pytest.mark.browser
@needs_chromium
def test_the_name_of_the_best_network_has_one_line_where_there_is_room(project: Project) -> None:
    project.report()
    longer = break_name("net_of_a_longer_name")

    with opened((project.out / "index.html").as_uri()) as page:
        best = page.locator("#best .name a").first
        best.evaluate("(name, longer) => { name.innerHTML = longer }", longer)

        assert best.inner_text() == "net_of_a_longer_name"
        tops = "name => [...name.getClientRects()].map(rect => rect.top)"
        assert len(set(best.evaluate(tops))) == 1


def test_results_of_another_program_stand_beside_the_experiments(project: Project) -> None:
    project.outside["theirs"] = Outside(
        source="../theirs", files="{image}.png", test_on="denoise", compare_with="DnCNN-S"
    )
    project.write_experiment("theirs", 28.75)
    facts = '{"model": "outside", "weights_sha256": "ab", "files": 4, "in_8bit": 4}'
    (project.folders["restored"] / "theirs/tiling.json").write_text(facts)
    (project.folders["curves"] / "theirs.csv").unlink()
    shutil.rmtree(project.folders["models"] / "theirs")

    project.report()

    page = project.page()
    assert "and the results of 1 that was run elsewhere" in page
    assert "../theirs/{image}.png" in page
    assert "all in 8 bits" in page
    assert "dvc repro evaluate_outside@theirs" in page
    assert "theirs" in (project.out / "results.csv").read_text()
    assert "theirs" in (project.out / "comparisons.csv").read_text()
    assert "theirs" not in (project.out / "networks.csv").read_text()


def test_a_program_stands_beside_the_experiments(project: Project) -> None:
    project.programs["theirs"] = Program(
        kind="onnx",
        source="../net.onnx",
        channels="gray",
        values=[0.0, 255.0],
        scale=1,
        noise_map=True,
        test_on="denoise",
    )
    project.write_experiment("theirs", 28.75)
    facts = '{"way": "plain", "halo": 8, "exact": false, "tile": 512, "precision": "float32"}'
    (project.folders["restored"] / "theirs/tiling.json").write_text(facts)
    (project.folders["curves"] / "theirs.csv").unlink()
    shutil.rmtree(project.folders["models"] / "theirs")

    project.report()

    page = project.page()
    assert "1 program of others" in page
    assert "onnx, gray images, black 0.0 and white 255.0, told the noise level" in page
    assert "with a halo of 8, not exact" in page
    assert "dvc repro evaluate_programs@theirs" in page
    assert "theirs" in (project.out / "results.csv").read_text()


def test_weights_applied_in_another_way_are_reported_beside_the_experiment(
    project: Project,
) -> None:
    apply_net(project, "net_ensemble", "self_ensemble")

    project.report()

    page = project.page()
    assert "with the weights of net, as the mean of eight flips and quarter turns" in page
    assert "dvc repro evaluate_applied@net_ensemble" in page
    assert "net_ensemble" in (project.out / "results.csv").read_text()


# ------------------------------------------------------------------------ perceptual measures


def ask_for(project: Project, measure: Perceptual = "niqe") -> None:
    """Have the benchmark ask for a measure, with made-up numbers."""
    (trial,) = project.benchmarks["denoise"]
    project.benchmarks["denoise"] = [trial.model_copy(update={"perceptual": [measure]})]
    project.write_benchmark("denoise")
    made = {
        "evaluated/net": {"net": 4.0},
        "baselines/denoise": {"clean": 3.0, "input": 9.0, "tv": 5.0},
    }
    if measure != "niqe":
        del made["baselines/denoise"]["clean"]
    for place, values in made.items():
        rows = [
            Perceived(
                experiment=name,
                data_set="bsd68",
                image=image,
                degradation=level,
                measure=measure,
                value=value,
            )
            for name, value in values.items()
            for level in project.levels
            for image in IMAGES
        ]
        folder, name = place.split("/")
        path = project.folders[folder] / name / "perceptual.csv"
        write_table(path, Perceived, rows)


def test_perceptual_measures_have_a_section_of_their_own_and_change_no_other(
    project: Project,
) -> None:
    project.report()
    before = {path.name: path.read_bytes() for path in project.out.iterdir()}
    ask_for(project)

    project.report()

    after = {path.name: path.read_bytes() for path in project.out.iterdir()}
    page = after.pop("index.html").decode()
    assert "Perceptual: lower is better" in page
    assert "NIQE" not in before.pop("index.html").decode()
    lines = after.pop("perceptual.csv").decode().splitlines()
    assert lines[1:3] == [
        "denoise,net,bsd68,gaussian_15,niqe,3,4.0000,9.0000,3.0000",
        "denoise,tv,bsd68,gaussian_15,niqe,3,5.0000,9.0000,3.0000",
    ]
    summary, known = after.pop("results.md"), before.pop("results.md")
    assert summary.startswith(known)
    said = summary.removeprefix(known).decode()
    assert "bsd68, NIQE 1.0 (`niqe`), lower is better" in said
    assert "| clean images | 3.00 |" in said
    assert "| `net` | **4.00** | \N{MINUS SIGN}5.00 (" in said
    assert after == before


def test_a_measure_by_a_network_is_named_with_its_version_and_has_no_row_of_clean_images(
    project: Project,
) -> None:
    ask_for(project, "lpips-alex")

    project.report()

    section = project.page().partition("Perceptual: lower is better")[2].partition("</section>")[0]
    assert "LPIPS 0.1, AlexNet, <code>lpips-alex</code>" in section
    assert "clean images</th>" not in section
    assert "<code>niqe</code>" not in section
    assert '<b class="best">4.0000</b>' in section
    summary = (project.out / "results.md").read_text()
    assert "bsd68, LPIPS 0.1, AlexNet (`lpips-alex`), lower is better" in summary
    assert "| `net` | **4.0000** | \N{MINUS SIGN}5.0000 (" in summary
    lines = (project.out / "perceptual.csv").read_text().splitlines()
    assert lines[1] == "denoise,net,bsd68,gaussian_15,lpips-alex,3,4.0000,9.0000,"


@pytest.mark.parametrize(
    ("lost", "stage"),
    [("evaluated/net", "evaluate@net"), ("baselines/denoise", "baseline@denoise")],
)
def test_perceptual_measures_that_were_not_taken_are_said(
    project: Project, caplog: pytest.LogCaptureFixture, lost: str, stage: str
) -> None:
    ask_for(project)
    project.write_experiment("other")
    folder, name = lost.split("/")
    (project.folders[folder] / name / "perceptual.csv").unlink()

    project.report()

    assert "not measured yet" in caplog.text
    assert stage in (project.out / "index.html").read_text()
