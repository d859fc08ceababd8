import csv
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipeline.arrays.tables import columns_of
from pipeline.literature.published_recognition import PublishedRecognition
from pipeline.report.page import Findings, render_page
from pipeline.report.recogniser_results import read_runs
from pipeline.report.recognition import (
    Recognised,
    RecognitionRow,
    compare_recognisers,
    write_recognition,
)
from pipeline.report.unmeasured import LeftOut
from tests.recognised import Recognised as Made
from tests.recognised import cube_task, faces, fold_task, image_task

NUMBERS = [
    PublishedRecognition(
        system=system,
        task=task,
        protocol=protocol,
        measure=measure,
        value=value,
        source=f"where {system} is & stands",
        from_memory=from_memory,
    )
    for system, task, protocol, measure, value, from_memory in (
        ("LeNet", "cifar10", "published", "accuracy", 0.85, False),
        ("OldNet", "cifar10", "published", "accuracy", 0.6, True),
        ("OtherNet", "imagenet", "published", "accuracy", 0.7, False),
        ("DSCMR", "dscmr_pascal", "published", "map", 0.716, False),
        ("SceneNet", "samson", "random-10", "accuracy", 0.95, False),
    )
]


def read(made: Made) -> Recognised:
    runs = read_runs(made.entries, made.evaluated, made.models, made.curves)
    return compare_recognisers(made.entries, runs, NUMBERS)


def page(found: Recognised | None) -> str:
    return render_page(
        [],
        Findings(
            results=(),
            networks=(),
            degradations={},
            leading=set(),
            headline=set(),
            answers=(),
            same_crops=(),
            strengths=(),
            looks=(),
            references=(),
            repetition_of={},
            check=lambda *_: [],
            draws={},
            uncompared={},
            recognition=found,
            left_out=LeftOut(kinds={}),
        ),
    )


def section(found: Recognised) -> str:
    whole = page(found)
    start = whole.index('<section id="recognition"')
    return whole[start : whole.index("</section>", start)]


def text(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def rows(found: Recognised, path: Path) -> list[dict[str, str]]:
    write_recognition(path, found)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def everything(root: Path) -> Made:
    """Return a task of each kind, with degraded inputs, repetitions, folds and other trainings."""
    made = faces(root)
    made.recognition["clean"] = made.recognition["clean"].model_copy(
        update={"compare_with": "LeNet"}
    )
    made.learn("clean_again", "faces", {"faces": 0.8}, seed=1, validated=False)
    made.learn("of_net", "faces", {"noisy_net": 0.85}, train_on="noisy_net")
    made.learn("larger", "faces", {"faces": 0.95}, model="large")
    made.samples, made.classes = 90, ("soil <wet>", "tree", "water")
    made.task("scene", cube_task())
    made.degrade("scene_noisy", "scene")
    made.restore("scene_net", "scene_noisy", "net", 9.0)
    made.learn("hybrid", "scene", {"scene": 0.9})
    made.samples = 20
    for test in range(3):
        made.task(f"pairs_{test}", fold_task(test))
        made.learn(f"dscmr_{test}", f"pairs_{test}", {}, compare_with="DSCMR")
    return made


class Tags(HTMLParser):
    """Notes every tag that is closed by another one's end."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.identifiers: list[str] = []
        self.links: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        found = dict(attrs)
        if "id" in found:
            self.identifiers.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])
        if tag not in {"meta", "link", "img", "br", "wbr", "input"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[Any]) -> None:
        """Leave alone what closes itself."""

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            self.wrong.append(tag)


# --------------------------------------------------------------------------- the page


def test_without_recognisers_the_page_says_nothing_of_recognition() -> None:
    whole = page(None)

    assert "ecogni" not in whole.partition("<body>")[2]


def test_the_page_is_well_formed_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    whole = page(read(everything(tmp_path)))

    tags = Tags(whole)

    assert (tags.open, tags.wrong) == ([], [])
    assert len(tags.identifiers) == len(set(tags.identifiers))
    assert {link for link in tags.links if link.startswith("#")} <= {
        f"#{one}" for one in tags.identifiers
    }
    assert not re.search(
        r"\b(nan|None|inf)\b", text(whole.partition("<body>")[2].partition("<script>")[0])
    )


def test_the_page_needs_no_other_file(tmp_path: Path) -> None:
    body = section(read(everything(tmp_path)))

    assert re.findall(r'(?:src|href)="(?!data:|#)', body) == []


def test_names_are_escaped(tmp_path: Path) -> None:
    body = section(read(everything(tmp_path)))

    assert "soil &lt;wet&gt;" in body
    assert "<wet>" not in body


def test_the_summary_counts_what_restoring_brought(tmp_path: Path) -> None:
    body = text(section(read(faces(tmp_path))))

    assert "2 times such a network met a restored input" in body
    assert "it recognised 1 better than the degraded one and 0 worse; 1 is within the noise" in body


def test_a_task_without_restored_inputs_says_so(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.task("faces", image_task())
    made.learn("clean", "faces", {"faces": 1.0})

    body = section(read(made))

    assert "No restored input has been recognised here yet" in text(body)
    assert "gains" not in body


def test_the_downstream_table_says_what_each_input_is_worth(tmp_path: Path) -> None:
    body = section(read(faces(tmp_path)))

    table = body[body.index('<table class="plain inputs"') :].partition("</table>")[0]
    lines = [text(row) for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)]
    assert lines[1].startswith("clean \N{EN DASH} 90.0 76.9 to 96.0")
    assert re.match(r"Gaussian noise, \w 25 noisy 20\.00 50\.0", lines[2])
    assert lines[3].startswith("restored by net noisy_net 27.50 +7.50 80.0")
    assert "+30.0" in lines[3]
    assert "within noise" in lines[4]
    assert "\N{MINUS SIGN}40.0" in lines[2]


def test_kinds_after_the_first_of_a_task_are_folded(tmp_path: Path) -> None:
    made = faces(tmp_path)
    made.learn("larger", "faces", {}, model="large")

    body = section(read(made))

    assert body.index("<h3>mobilenet_v1.small on faces") < body.index(
        "<summary><b>mobilenet_v1.large on faces</b>"
    )


def test_a_recogniser_stands_beside_what_was_published(tmp_path: Path) -> None:
    body = text(section(read(everything(tmp_path))))

    assert "mean of 2 runs: clean, clean_again" in body
    assert "± 7.1 (2 runs)" in body
    # Both runs together have 85 of 100 right, which is what was published.
    assert re.search(r"85\.00 1 gap 0\.00", body)


@pytest.mark.parametrize(
    ("system", "words"),
    [
        ("OldNet", r"60\.00 1 from memory"),
        ("OtherNet", r"70\.00 1 imagenet, published split"),
    ],
)
def test_a_number_of_another_test_or_from_memory_is_shown_without_a_gap(
    tmp_path: Path, system: str, words: str
) -> None:
    made = faces(tmp_path)
    made.learn("clean", "faces", {"faces": 0.9}, compare_with=system)

    body = text(section(read(made)))

    assert re.search(words, body)
    assert "gap" not in body


def test_a_number_of_all_classes_has_no_gap_where_some_are_left_out(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.task("scene", cube_task().model_copy(update={"ignore": ["road"]}))
    made.learn("hybrid", "scene", {"scene": 0.9}, compare_with="SceneNet")

    body = text(section(read(made)))

    assert re.search(r"95\.00 1 with the classes that are left out here", body)
    assert "gap" not in body


def test_intervals_over_pixels_of_a_scene_are_called_too_narrow(tmp_path: Path) -> None:
    words = "Pixels of a scene are like their neighbours"
    scene, photos = Made(tmp_path / "scene"), faces(tmp_path / "faces")
    scene.task("scene", cube_task())
    scene.learn("hybrid", "scene", {"scene": 0.9})
    photos.learn("clean", "faces", {"faces": 0.9})

    assert words in text(section(read(scene)))
    assert words not in text(section(read(photos)))


def test_what_learnt_from_degraded_samples_has_no_published_number(tmp_path: Path) -> None:
    made = faces(tmp_path)
    made.learn("robust", "faces", {}, train_on="noisy", compare_with="LeNet")

    assert "85.00" not in text(section(read(made)))


def test_sources_of_published_numbers_are_listed(tmp_path: Path) -> None:
    whole = page(read(everything(tmp_path)))

    assert '<li id="source-1">where LeNet is &amp; stands</li>' in whole
    assert '<li id="source-2">where DSCMR is &amp; stands</li>' in whole


def test_small_test_sets_are_said_to_be_small(tmp_path: Path) -> None:
    assert "one sample of 40 weighs 2.5 percentage points" in text(section(read(faces(tmp_path))))


def test_folds_are_one_table_instead_of_one_each(tmp_path: Path) -> None:
    body = section(read(everything(tmp_path)))

    assert "Cross-validation on dscmr_pascal" in body
    assert "3 of 5 folds" in text(body)
    assert "Each of 60 pairs is tested on once" in text(body)
    assert "Recognisers of pairs_0" not in body
    assert body.count('<details class="fold" id="recogniser-dscmr_') == 3


def test_maps_of_a_cube_have_a_legend(tmp_path: Path) -> None:
    body = section(read(everything(tmp_path)))

    assert body.count('alt="Classification map: ') == 4
    assert re.search(r'<i style="background:#\w{6}"></i>water</span>', body)
    assert "no class</span>" in body


def test_the_figure_has_a_mark_and_an_error_bar_for_each_gain(tmp_path: Path) -> None:
    body = section(read(everything(tmp_path)))

    figure = body[body.index('class="chart gains"') :].partition("</figure>")[0]
    # Two restored faces by two kinds of recogniser, one restored scene.
    assert figure.count('class="error"') == 5
    assert len(re.findall(r'class="name(?: before)?"', figure)) == 3


def test_one_sample_of_one_class_makes_a_page_without_gaps_in_it(tmp_path: Path) -> None:
    made = Made(tmp_path, samples=1, classes=("soil",))
    made.task("scene", cube_task())
    made.degrade("noisy", "scene")
    made.restore("net", "noisy", "net", 0.0)
    made.learn("hybrid", "scene", {"scene": 1.0, "noisy": 1.0, "net": 1.0})

    body = text(section(read(made)))

    assert "not defined" in body
    assert not re.search(r"\b(nan|None|inf)\b", body)


# ------------------------------------------------------------------- recognition.csv


def test_the_table_has_a_row_for_each_recogniser_and_input(tmp_path: Path) -> None:
    found = rows(read(everything(tmp_path)), tmp_path / "recognition.csv")

    first = found[0]
    assert tuple(first) == columns_of(RecognitionRow)
    assert len(found) == 4 * 4 + 3 + 3
    assert (first["recogniser"], first["input"], first["value"]) == ("clean", "faces", "0.90000")
    assert (first["published"], first["repetition_of"]) == ("0.85000", "")
    assert (first["parameters"], first["multiply_adds"], first["steps"]) == (
        "21234",
        "1250000",
        "300",
    )
    again = next(row for row in found if row["recogniser"] == "clean_again")
    assert again["repetition_of"] == "clean"


def test_the_table_has_the_scores_of_each_kind_of_task(tmp_path: Path) -> None:
    found = {
        (row["recogniser"], row["input"]): row
        for row in rows(read(everything(tmp_path)), tmp_path / "recognition.csv")
    }

    scene, pairs = found["hybrid", "scene_net"], found["dscmr_0", "pairs_0"]
    assert (scene["degradation"], scene["restored_by"], scene["psnr"]) == (
        "gaussian_25",
        "net",
        "29.0000",
    )
    assert float(scene["kappa"]) < float(scene["aa"]) < 1
    assert (scene["map_image_to_text"], pairs["kappa"]) == ("", "")
    assert (pairs["measure"], pairs["map_image_to_text"], pairs["map_text_to_image"]) == (
        "map",
        "0.60000",
        "0.30000",
    )
    # What was published is of another split.
    assert pairs["published"] == ""


def test_without_recognisers_the_table_is_a_header(tmp_path: Path) -> None:
    write_recognition(tmp_path / "recognition.csv", None)

    assert (tmp_path / "recognition.csv").read_text() == ",".join(columns_of(RecognitionRow)) + "\n"


def test_costs_that_are_not_known_are_left_empty(tmp_path: Path) -> None:
    made = faces(tmp_path)
    made.write_card("clean", {"multiply_adds": None, "validation": None})

    found = read(made)

    assert rows(found, tmp_path / "recognition.csv")[0]["multiply_adds"] == ""
    assert not re.search(r"\b(nan|None|inf)\b", text(section(found)))
