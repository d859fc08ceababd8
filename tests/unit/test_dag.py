import json
import math
import os
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from dvc.output import Output
from dvc.utils.serialize import LOADERS

from pipeline.graph import dag
from pipeline.graph.dag import GraphError, Stage, UnknownStageError
from pipeline.graph.left_stale import describe_left_stale
from tests.toy import call, copy_toy, edit, gather, make_toy


@pytest.fixture
def toy(done: Path, tmp_path: Path) -> Path:
    """Return a copy of it for one test."""
    return copy_toy(done, tmp_path / "toy")


def stale(root: Path) -> dict[str, tuple[str, ...]]:
    return {name: stage.stale for name, stage in dag.read_graph(root).items() if stage.stale}


def mark_as_written(path: Path, process: int, root: Path) -> None:
    """Note in DVC's own book-keeping that a process is just writing a file."""
    writers = {"write": {str(path): {"pid": process, "cmd": "dvc repro"}}}
    (root / ".dvc" / "tmp" / "rwlock").write_text(json.dumps(writers))


def test_every_stage_comes_after_those_it_needs(toy: Path) -> None:
    graph = dag.read_graph(toy)

    seen: set[str] = set()
    for name, stage in graph.items():
        assert set(stage.needs) <= seen
        seen.add(name)
    assert graph["branch@left"].needs == ("seed",)
    assert graph["join"].needs == ("branch@left", "branch@right")


def test_names_do_not_depend_on_the_current_folder(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")

    assert list(dag.read_graph(toy)) == ["seed", "branch@left", "branch@right", "join", "aside"]


def test_what_a_stage_needs_of_the_machine_is_read_after_templates_are_filled_in(
    toy: Path,
) -> None:
    edit(toy / "settings.yaml", "cpus: 1", "cpus: 3")
    edit(toy / "dvc.yaml", "cpus: ${cpus}", "cpus: ${cpus}\n        gpus: 1")

    graph = dag.read_graph(toy)

    assert (graph["branch@left"].cpus, graph["branch@left"].gpus) == (3, 1)
    assert (graph["seed"].cpus, graph["seed"].gpus) == (1, 0)


def test_a_stage_can_be_said_to_write_the_same_always(toy: Path) -> None:
    assert dag.read_graph(toy)["branch@left"].follows == ("seed",)
    edit(
        toy / "dvc.yaml",
        "      - out/seed\n  branch",
        "      - out/seed\n    meta: {constant: [out/seed]}\n  branch",
    )

    graph = dag.read_graph(toy)

    assert graph["branch@left"].needs == ("seed",)
    assert graph["branch@left"].follows == ()


@pytest.mark.parametrize("named", ["3", "resources.train.processes"])
def test_what_does_not_name_a_number_of_processes_is_refused(named: str, toy: Path) -> None:
    edit(toy / "dvc.yaml", "cpus: ${cpus}", f"gpus: 1\n        processes: {named}")
    (toy / "params.yaml").write_text("resources: {train: {processes: many}}")

    with pytest.raises(dag.GraphError, match=r"meta\.processes"):
        dag.read_graph(toy)


@pytest.mark.parametrize(
    ("gpus", "params", "expected"),
    [
        ("1", "resources: {train: {processes: 3}}", 3),
        ("0.5", "resources: {train: {processes: 2}}", 2),
        ("0.5", "resources: {train: {processes: 1}}", 0.5),
        ("1", "resources: {threads: 2}", 1),
    ],
)
def test_each_of_several_processes_has_gpus_of_its_own(
    gpus: str, params: str, expected: float, toy: Path
) -> None:
    named = f"gpus: {gpus}\n        processes: resources.train.processes"
    edit(toy / "dvc.yaml", "cpus: ${cpus}", named)
    (toy / "params.yaml").write_text(params)

    assert dag.read_graph(toy)["branch@left"].gpus == expected


def test_a_stage_can_ask_for_a_part_of_a_gpu_and_for_memory(toy: Path) -> None:
    edit(toy / "dvc.yaml", "cpus: ${cpus}", "gpus: 0.5\n        memory: 12")

    graph = dag.read_graph(toy)

    assert (graph["branch@left"].gpus, graph["branch@left"].memory) == (0.5, 12.0)
    assert (graph["seed"].gpus, graph["seed"].memory) == (0, 0.0)


def test_a_stage_can_be_given_hours(toy: Path) -> None:
    edit(toy / "dvc.yaml", "cpus: ${cpus}", "hours: 1.5")

    graph = dag.read_graph(toy)

    assert graph["branch@left"].hours == 1.5
    assert graph["seed"].hours == math.inf


@pytest.mark.parametrize(
    "wrong", ["gpus: 1.5", "gpus: -1", "memory: -2", "memory: much", "hours: 0", "hours: true"]
)
def test_a_wrong_number_of_gpus_gib_or_hours_is_refused_with_its_place(
    toy: Path, wrong: str
) -> None:
    edit(toy / "dvc.yaml", "cpus: ${cpus}", wrong)
    key, _, value = wrong.partition(": ")

    with pytest.raises(GraphError, match=rf"(?i)branch@left, meta\.{key}: expected .*{value}"):
        dag.read_graph(toy)


def test_a_wrong_need_is_refused_with_its_place(toy: Path) -> None:
    edit(toy / "settings.yaml", "cpus: 1", "cpus: many")

    with pytest.raises(GraphError, match=r"branch@left, meta\.cpus: expected an integer.*'many'"):
        dag.read_graph(toy)


def test_nothing_is_stale_after_everything_ran(toy: Path) -> None:
    assert stale(toy) == {}


def test_everything_is_stale_before_anything_ran(tmp_path: Path) -> None:
    reasons = stale(make_toy(tmp_path))

    assert reasons == dict.fromkeys(dag.read_graph(tmp_path), ("it never ran",))


def test_a_file_that_no_stage_writes_and_nobody_gave_is_named(tmp_path: Path) -> None:
    make_toy(tmp_path)
    (tmp_path / "raw.txt").unlink()

    graph = dag.read_graph(tmp_path)

    assert graph["seed"].stale == ("it never ran", "raw.txt is missing")
    assert graph["join"].stale == ("it never ran",)


def test_a_changed_file_makes_its_reader_stale(toy: Path) -> None:
    (toy / "raw.txt").write_text("other")

    assert stale(toy) == {"seed": ("raw.txt changed",)}


def test_a_missing_file_is_named(toy: Path) -> None:
    (toy / "raw.txt").unlink()

    assert stale(toy) == {"seed": ("raw.txt is missing",)}


def test_a_changed_parameter_is_named_with_its_file(toy: Path) -> None:
    edit(toy / "settings.yaml", "{text: two}", "{text: two, more: 1}")

    assert stale(toy) == {"branch@right": ("branches.right in settings.yaml changed",)}


def test_a_changed_command_is_a_reason(toy: Path) -> None:
    edit(toy / "dvc.yaml", "work.py aside", "work.py aside more")

    assert stale(toy) == {"aside": ("its command changed",)}


def test_a_missing_output_is_a_reason(toy: Path) -> None:
    (toy / "out" / "aside").unlink()

    assert stale(toy) == {"aside": ("its output out/aside is missing",)}


def test_an_edited_output_is_a_reason_for_both_sides(toy: Path) -> None:
    (toy / "out" / "seed").unlink()
    (toy / "out" / "seed").write_text("edited")

    reasons = stale(toy)

    assert reasons["seed"] == ("its output out/seed is not what it wrote",)
    assert reasons["branch@left"] == ("out/seed changed",)


def test_the_state_of_some_stages_can_be_asked_again(toy: Path) -> None:
    (toy / "raw.txt").write_text("other")

    assert dag.why_stale(toy, ["seed", "aside"]) == {"seed": ("raw.txt changed",), "aside": ()}


def test_a_broken_template_is_refused_with_its_place(toy: Path) -> None:
    edit(toy / "dvc.yaml", "${item.text}", "${item.txt}")

    with pytest.raises(GraphError, match=r"stages\.branch@left\.cmd.*item\.txt"):
        dag.read_graph(toy)


def test_an_unknown_key_in_the_graph_is_refused_by_name(toy: Path) -> None:
    edit(toy / "dvc.yaml", "    deps:\n      - raw.txt", "    depps:\n      - raw.txt")

    with pytest.raises(GraphError, match="depps"):
        dag.read_graph(toy)


def test_a_folder_without_dvc_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="not inside of a DVC repository"):
        dag.read_graph(tmp_path)


def test_a_project_in_which_a_stage_runs_is_called_busy(toy: Path) -> None:
    mark_as_written(toy / "out" / "seed", os.getpid(), toy)

    with pytest.raises(GraphError, match="is busy: another run, or another DVC command"):
        dag.read_graph(toy)


def test_what_a_killed_dvc_left_behind_does_not_make_a_project_busy(toy: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    mark_as_written(toy / "out" / "seed", dead.pid, toy)

    assert stale(toy) == {}


def test_data_under_dvcs_own_control_are_stages_too(toy: Path) -> None:
    (toy / "mine").write_text("data")
    assert call(toy, "dvc", "add", "mine").returncode == 0

    assert "mine.dvc" in dag.read_graph(toy)


def test_dvc_is_silent_where_the_project_says_so(toy: Path) -> None:
    assert not dag.sends_analytics(toy)
    edit(toy / ".dvc" / "config", "analytics = false", "analytics = true")
    assert dag.sends_analytics(toy)


def test_the_ways_to_link_that_work_are_among_those_asked_for(toy: Path) -> None:
    with (toy / ".dvc" / "config").open("a") as file:
        file.write("[cache]\n    type = hardlink,symlink,copy\n")

    told, working = dag.read_cache_links(toy)

    assert told == ["hardlink", "symlink", "copy"]
    assert working == told  # both places are on one file system


def test_what_changes_between_two_reads_is_seen(toy: Path) -> None:
    assert stale(toy) == {}

    edit(toy / "settings.yaml", "text: one", "text: three")
    (toy / "out" / "seed").write_text("other")

    found = stale(toy)
    assert set(found) == {"seed", "branch@left", "branch@right"}
    assert "branches.left in settings.yaml changed" in found["branch@left"]
    assert "out/seed changed" in found["branch@right"]


def test_one_read_parses_params_once_and_looks_at_each_path_once(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: Counter[str] = Counter()
    looked_at: Counter[str] = Counter()
    load, look = LOADERS[".yaml"], Output.get_hash

    def count_load(path: str, *args: object, **options: object) -> object:
        parsed[Path(path).name] += 1
        return load(path, *args, **options)

    def count_look(out: Output) -> object:
        looked_at[Path(out.fs_path).name] += 1
        return look(out)

    monkeypatch.setitem(LOADERS, ".yaml", count_load)
    monkeypatch.setattr(Output, "get_hash", count_look)

    dag.read_graph(toy)

    assert parsed == {"settings.yaml": 1}
    names = ("raw.txt", "seed", "branch@left", "branch@right", "join", "aside")
    assert looked_at == dict.fromkeys(names, 1)
    assert LOADERS[".yaml"] is count_load


# ------------------------------------------------------------------- parts of a graph


def stage(
    name: str,
    *needs: str,
    reasons: tuple[str, ...] = (),
    follows: tuple[str, ...] | None = None,
) -> Stage:
    followed = needs if follows is None else follows
    return Stage(name=name, needs=needs, cpus=1, gpus=0, follows=followed, stale=reasons)


GRAPH = {
    one.name: one
    for one in [
        stage("get"),
        stage("train@a", "get"),
        stage("train@b", "get", reasons=("edited",)),
        stage("test@a", "train@a"),
        stage("test@b", "train@b"),
        stage("report", "test@a", "test@b"),
    ]
}


def test_a_key_means_its_stages_and_all_they_need() -> None:
    assert list(dag.select(GRAPH, ["a"])) == ["get", "train@a", "test@a"]


def test_a_stages_name_means_the_stage_and_all_it_needs() -> None:
    assert list(dag.select(GRAPH, ["train@b"])) == ["get", "train@b"]
    assert list(dag.select(GRAPH, ["report"])) == list(GRAPH)


def test_several_names_add_up() -> None:
    assert list(dag.select(GRAPH, ["train@b", "a"])) == ["get", "train@a", "train@b", "test@a"]


def test_what_gathers_comes_along_without_all_that_it_could_gather() -> None:
    graph = GRAPH | {"report": replace(GRAPH["report"], gathers=(Path("tests"),))}

    assert list(dag.select(graph, ["a"])) == ["get", "train@a", "test@a", "report"]
    assert list(dag.affected(dag.select(graph, ["a"]))) == []
    assert list(dag.affected(dag.select(graph, ["b"]))) == ["train@b", "test@b", "report"]
    assert list(dag.select(graph, ["train@a"])) == ["get", "train@a"]
    assert list(dag.select(graph, ["report"])) == list(graph)


def test_what_gathers_does_not_come_along_for_what_is_constant() -> None:
    report = stage("report", "check", "test", follows=("test",))
    graph = {
        one.name: one
        for one in [
            stage("check"),
            stage("get", "check"),
            stage("test", "get"),
            replace(report, gathers=(Path("tests"),)),
        ]
    }

    assert list(dag.select(graph, ["get"])) == ["check", "get"]
    assert list(dag.select(graph, ["test"])) == ["check", "get", "test", "report"]


def test_the_folders_that_a_stage_gathers_from_are_those_that_others_write_into(
    toy: Path,
) -> None:
    gather(toy)

    graph = dag.read_graph(toy)

    assert graph["digest"].gathers == (toy / "out",)
    assert set(graph["digest"].needs) == {"seed", "branch@left", "branch@right", "join", "aside"}
    assert graph["join"].gathers == ()


def test_what_is_left_stale_is_named_by_what_nobody_else_needs() -> None:
    graph = GRAPH | {"report": replace(GRAPH["report"], gathers=(Path("tests"),))}

    assert describe_left_stale(graph, dag.select(graph, ["a"])) == (
        "left stale: 2 stages of b: `restore run` brings them up to date"
    )
    assert describe_left_stale(graph, dag.select(graph, ["b"])) == ""
    assert describe_left_stale(graph, ["train@b"]).startswith("left stale: 2 stages of b, report:")


def test_many_names_of_what_is_left_stale_are_cut_short() -> None:
    graph = {f"train@n{number}": stage(f"train@n{number}", reasons=("x",)) for number in range(30)}

    said = describe_left_stale(graph, [])

    assert said.startswith("left stale: 30 stages of n0, n1, ")
    assert ", n23 and 6 more: `restore run`" in said


def test_an_unknown_name_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(UnknownStageError, match=r"'tran@a'; the nearest known: train@a"):
        dag.select(GRAPH, ["tran@a"])


def test_an_unknown_name_like_no_other_is_refused_with_all_known() -> None:
    with pytest.raises(UnknownStageError, match="known: a, b, get, report"):
        dag.select(GRAPH, ["zzz"])


def test_stale_stages_and_those_after_them_are_affected() -> None:
    assert list(dag.affected(GRAPH)) == ["train@b", "test@b", "report"]


def test_the_cause_of_a_stage_is_its_own_or_the_stages_it_follows() -> None:
    assert dag.causes(GRAPH) == {
        "train@b": ("edited",),
        "test@b": ("train@b",),
        "report": ("test@b",),
    }


def test_nobody_follows_a_stage_whose_output_never_changes() -> None:
    graph = {
        one.name: one
        for one in [
            stage("check", reasons=("edited",)),
            stage("get", "check", follows=()),
            stage("train", "get", reasons=("edited",)),
        ]
    }

    assert list(dag.causes(graph)) == ["check", "train"]
    assert list(dag.affected(graph)) == ["check", "get", "train"]


def test_in_the_project_itself_nothing_runs_before_the_parameters_are_checked() -> None:
    graph = dag.read_graph(Path(__file__).parents[2])

    assert len(graph) > 1
    assert all(next(iter(dag.select(graph, [name]))) == "check" for name in graph)
