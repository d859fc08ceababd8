"""Every command that the pages for people show is run: here, by another test, or by CI."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file
from skimage.data import astronaut

from pipeline.arrays.pixels import Bytes, from_8bit
from pipeline.arrays.tables import read_table
from pipeline.checking.params_file import load_params
from pipeline.images.files import read_8bit, write_png
from pipeline.measuring.score_table import Score
from pipeline.models.parts.building import build_model
from tests.foreign_layouts import simplenn, write_version_7_3
from tests.pages import PAGES, blocks, commands, paste, section_of
from tests.project import ROOT, command_environment, copy_project, run
from tests.toy import free_port

GRAPH, FLOW = "tests/e2e/test_graph.py", "tests/e2e/test_flow.py"
WHEEL = "tests/e2e/test_wheel.py"
ON_RAY = (
    "tests/e2e/test_engines.py",
    "test_stages_on_the_nodes_of_ray_leave_the_lock_file_of_dvc_and_too_large_ones_are_cut",
)
AS_JOBS = (
    "tests/e2e/test_engines.py",
    "test_stages_as_jobs_leave_the_lock_file_of_dvc_and_a_failure_spares_the_others",
)
WORKERS = (
    "tests/e2e/test_remote_workers.py",
    "test_a_worker_that_dies_is_replaced_by_one_that_goes_on_from_its_checkpoint",
)
IMAGE = (
    "tests/unit/test_deployments.py",
    "test_the_recipe_of_the_image_copies_what_is_there_and_begins_as_the_services_do",
)
JOBS = (
    "tests/unit/test_deployments.py",
    "test_the_lines_of_the_page_give_the_jobs_of_a_cluster_time_and_variables",
)

UNATTENDED = (
    FLOW,
    "test_schedules_outlive_restore_serve_and_a_failed_run_is_told_of_and_retried",
)
SERVICES = (
    "tests/e2e/test_services.py",
    "test_a_run_reaches_both_and_no_secret_is_in_what_it_says",
)

TUTORIAL = ("tests/e2e/test_tutorial.py", "test_its_lines_work_one_after_the_other")

ELSEWHERE = {
    "restore import weights/GD_Color_Blind.mat --as cdncnn_b --test-on colour_levels "
    "--compare-with CDnCNN-B --add": (
        "tests/unit/test_foreign_weights_command.py",
        "test_a_colour_network_fits_the_preset_of_published_weights",
    ),
    "restore data fetch imagenet_alexnet imagenet_vgg16": (
        "tests/e2e/test_perceptual_networks.py",
        "test_what_two_networks_say_of_images_is_measured_and_reported",
    ),
    "python -m tests.bench.draws /data/image-sets": (
        "tests/unit/test_draws.py",
        "test_the_spread_of_draws_is_printed_as_rows_of_the_table",
    ),
    "python -m tests.bench.photographs data/raw/live1 --noise 10 --jpeg 90": (
        "tests/unit/test_bench_photographs.py",
        "test_photographs_with_noise_and_jpeg_come_out_better",
    ),
    "python -m tests.bench.memory": (
        "tests/stage/test_memory.py",
        "test_the_memory_of_a_stage_does_not_grow_with_the_patches",
    ),
    "restore compare dncnn_as_runet dncnn_s25": TUTORIAL,
    "restore compare runet_s25 dncnn_as_runet": TUTORIAL,
    "restore lineage dncnn_as_runet": TUTORIAL,
    "dvc repro": (GRAPH, "test_a_second_run_has_nothing_to_do"),
    "restore run": (
        GRAPH,
        "test_the_flow_and_dvc_leave_the_same_lock_file_after_one_experiment_and_the_rest",
    ),
    "restore init my-project --preset smoke": (
        WHEEL,
        "test_a_project_is_made_and_run_from_the_wheel",
    ),
    "pip wheel --no-deps --wheel-dir dist .": (
        WHEEL,
        "test_the_wheel_has_every_file_of_the_code_and_no_other",
    ),
    "restore sweep dncnn_s25 recipe.learning_rate=1.0e-3,2.0e-3,4.0e-3 recipe.steps=750,1500": (
        "tests/e2e/test_try.py",
        "test_a_sweep_tries_every_combination_ranks_them_and_goes_on_after_a_failure",
    ),
    "dvc metrics show": (GRAPH, "test_what_dvc_shows_is_little_and_says_of_what_it_is"),
    "dvc plots show": (GRAPH, "test_what_dvc_shows_is_little_and_says_of_what_it_is"),
    "restore doctor": (FLOW, "test_the_doctor_sees_the_server_start"),
    "restore serve": (FLOW, "test_the_served_deployment_does_what_dvc_repro_does"),
    "prefect deployment run restore/train-all --watch": (
        FLOW,
        "test_the_served_deployment_does_what_dvc_repro_does",
    ),
    "prefect deployment run restore/train-all --watch --param experiments='[\"dncnn_s25\"]' "
    "--param force=true": (FLOW, "test_the_served_deployment_tells_the_truth_about_failures"),
    "restore report --benchmark denoise_25": (
        "tests/unit/test_command_report.py",
        "test_one_benchmark_or_data_set_is_shown",
    ),
    "restore report --all": (
        "tests/unit/test_command_report.py",
        "test_all_shows_every_protocol_and_the_interval",
    ),
    "restore compare runet_s25 dncnn_s25": (
        "tests/unit/test_command_compare.py",
        "test_only_the_settings_that_differ_are_printed",
    ),
    "restore lineage dncnn_s25": (
        "tests/unit/test_command_lineage.py",
        "test_the_chain_goes_from_an_experiment_back_to_the_raw_data",
    ),
    "restore lineage data/report/results.csv": (
        "tests/unit/test_command_lineage.py",
        "test_a_file_as_its_stage_wrote_it_is_said_to_be_so",
    ),
    "restore export-benchmark denoise_25 --to to_restore": (
        GRAPH,
        "test_what_another_program_restored_is_measured_beside_the_others",
    ),
    "restore app": (
        "tests/unit/test_command_app.py",
        "test_a_photograph_is_looked_at_and_comes_back_as_the_command_makes_it",
    ),
    "RAY_USAGE_STATS_ENABLED=0 ray start --head --port 6379 --include-dashboard=false": ON_RAY,
    "ray start --address 10.0.0.1:6379": ON_RAY,
    "restore run --engine ray --address 10.0.0.1:6379": ON_RAY,
    "restore run --engine slurm --engine-options partition=gpu time=240 gpus=1": (
        "tests/e2e/test_engines.py",
        "test_slurm_is_asked_for_what_a_stage_needs",
    ),
    "restore run --engine slurm --engine-options cluster=local": AS_JOBS,
    "prefect work-pool create --type process restore-pool": (FLOW, "test_a_worker_runs_the_flow"),
    "prefect deploy --name train-all": (FLOW, "test_a_worker_runs_the_flow"),
    "prefect worker start --pool restore-pool": (FLOW, "test_a_worker_runs_the_flow"),
    "prefect work-pool create --type process restore-workers": WORKERS,
    "prefect deploy --name worker": WORKERS,
    "prefect worker start --pool restore-workers --limit 1": WORKERS,
    "restore run --engine workers": WORKERS,
    "docker build --file docs/operations/worker.dockerfile --tag restore-worker:1 .": IMAGE,
    "prefect work-pool create --type docker restore-docker": WORKERS,
    "prefect deploy --name worker-docker": WORKERS,
    "prefect worker start --pool restore-docker --limit 1": WORKERS,
    "restore run --engine workers --engine-options deployment=restore-stage/worker-docker": WORKERS,
    "prefect work-pool get-default-base-job-template --type kubernetes > .restore/job.json": JOBS,
    """sed -i -e 's/"restartPolicy": /"terminationGracePeriodSeconds": 120, &/' """
    """-e 's/"args": /"envFrom": [{"secretRef": {"name": "restore-worker"}}], &/' """
    ".restore/job.json": JOBS,
    "prefect work-pool create --type kubernetes --base-job-template .restore/job.json "
    "restore-kubernetes": JOBS,
    "prefect deploy --name worker-kubernetes": WORKERS,
    'prefect deployment schedule create restore/train-all --cron "0 22 * * *" '
    "--timezone Europe/Berlin": UNATTENDED,
    "prefect deployment schedule ls restore/train-all": UNATTENDED,
    'python -c "import os; from prefect.blocks.webhook import Webhook; '
    "print(Webhook(url=os.environ['WEBHOOK_URL']).save('restore', overwrite=True))\"": UNATTENDED,
    'sed "s/BLOCK_ID/$BLOCK_ID/" docs/operations/notify.yaml > .restore/notify.yaml': UNATTENDED,
    "prefect automation create --from-file .restore/notify.yaml": UNATTENDED,
    "prefect flow-run retry FLOW-RUN": UNATTENDED,
    "restore run --retries 4 --hours 10": (
        FLOW,
        "test_what_something_outside_failed_is_tried_again_and_what_failed_by_itself_is_not",
    ),
    "docker compose --file docs/operations/compose.yaml --env-file .restore/services.env up "
    "--build --detach --wait": SERVICES,
    "export MLFLOW_TRACKING_URI=http://10.0.0.5:5000": SERVICES,
    "export PREFECT_API_URL=http://10.0.0.5:4200/api": SERVICES,
    "export PREFECT_API_AUTH_STRING=$PREFECT_AUTH": SERVICES,
}
"""Commands that a test of another file runs, with its own names and values where they matter."""

BY_CI = {
    "pip install --quiet --constraint .ci/constraints.txt --editable '.[cluster]'": (
        "pip install --quiet --constraint .ci/constraints.txt --editable '.[cluster]'"
    ),
    "pip install --quiet --constraint .ci/constraints.txt --editable '.[dev]'": (
        "pip install --quiet --constraint .ci/constraints.txt --editable '.[dev]'"
    ),
    "pip install --quiet --constraint .ci/constraints.txt --editable '.[perceptual]'": (
        "pip install --quiet --constraint .ci/constraints.txt --editable '.[perceptual]'"
    ),
    "pre-commit install": "pre-commit install",
    "ruff check && ruff format --check && mypy && lint-imports && pytest": (
        "ruff check && ruff format --check && mypy && lint-imports"
    ),
}
"""Commands that ``.ci/run`` has a line of, beside those that make the environment."""

LAUNCHED = "test_an_experiment_is_launched_by_editing_the_params"
COSTS = "test_a_preset_says_what_it_would_cost"
PRESETS = "test_presets_are_listed_and_put_in_place"
PUBLISHED = "test_published_sets_are_listed_fetched_and_verified"
WEIGHTS = "test_published_weights_are_measured_like_an_experiment"
TRIED = "test_changed_values_are_tried_listed_kept_and_dropped"
PHOTOS = "test_photographs_are_restored_from_the_command_line"
BENCHMARK = "test_the_benchmark_measures_all_and_stands_beside_an_earlier_one"

HERE = {
    "restore ui": "test_the_pages_of_mlflow_show_the_runs",
    "restore plan": LAUNCHED,
    "restore plan --estimate": LAUNCHED,
    "restore report": LAUNCHED,
    "dvc metrics diff": LAUNCHED,
    "dvc exp show --drop '.*' --keep '.*/dncnn_s25.json:(psnr|gain)'": LAUNCHED,
    "dvc repro evaluate@dncnn_s25": "test_real_noise_comes_from_a_mirror",
    "restore plan --preset paper": COSTS,
    "restore plan --preset literature": COSTS,
    "restore data list": PUBLISHED,
    "restore data fetch set12 polyu_crops --accept-terms": PUBLISHED,
    "restore data verify set12": PUBLISHED,
    "restore data verify": PUBLISHED,
    "restore data import photos": "test_photographs_of_ones_own_are_checked",
    "RESTORE_ACCEPT_TERMS=polyu_crops,cc15 dvc repro": "test_real_noise_comes_from_a_mirror",
    "RESTORE_MIRROR=/data/image-sets dvc repro": "test_real_noise_comes_from_a_mirror",
    "restore preset": PRESETS,
    "restore preset literature": PRESETS,
    "restore preset recognition": PRESETS,
    "restore preset weights": PRESETS,
    "restore preset official": "test_inputs_that_nobody_restored_have_their_published_scores",
    "restore import weights/DnCNN3.mat": WEIGHTS,
    "restore import weights/DnCNN3.mat --as dncnn_3 --test-on upscale_as_dncnn3 "
    "--compare-with DnCNN-3 --add": WEIGHTS,
    "restore export dncnn_s25 --to dncnn_s25.onnx": (
        "test_a_trained_network_runs_without_the_project"
    ),
    "restore photo photos": PHOTOS,
    "restore photo photos --preview": PHOTOS,
    "restore photo photos --page": PHOTOS,
    "restore photo photos --task denoise --strength 0.7 --out less": PHOTOS,
    "restore photo photos --task deblock --out deblocked": PHOTOS,
    "restore photo photos --task upscale --scale 3 --out large": PHOTOS,
    "restore photo photos --model dncnn_s25 --out by_dncnn": PHOTOS,
    "restore export dncnn_s25 --to my-network": PHOTOS,
    "restore photo photos --model my-network --out by_mine": PHOTOS,
    "restore run --experiments dncnn_s25 vdsr_x23": "test_the_command_line_runs_some",
    "restore run --experiments dncnn_s25 vdsr_x23 --parallel 2": "test_the_command_line_runs_some",
    "restore try dncnn_s25 --set recipe.steps=1500 --name twice_as_long": TRIED,
    "restore try dncnn_s25 --set recipe.learning_rate=2.0e-3 --set model.width=48": TRIED,
    "restore try": TRIED,
    "restore try --keep twice_as_long": TRIED,
    "restore try --drop twice_as_long": TRIED,
    "python -m tests.bench": BENCHMARK,
    "python -m tests.bench training startup --against benchmark/benchmark.jsonl": BENCHMARK,
    "python -m tests.bench.first_gpu": "test_the_script_for_a_new_gpu_says_where_there_is_none",
    "python -m tests.bench.calibration /data/image-sets": (
        "test_the_calibration_prints_ours_beside_the_published"
    ),
    "python -m tests.bench.guard /data/image-sets": "test_the_figures_of_the_guard_are_printed",
    "restore schema > pipeline/checking/params.schema.json": (
        "test_the_schema_for_editors_is_up_to_date"
    ),
}
"""Commands that a test of this file runs, with its own names and values where they matter."""


@pytest.fixture(scope="module")
def done(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a committed project in which the smoke preset has run."""
    target = tmp_path_factory.mktemp("readme") / "project"
    project = Path(shutil.copytree(smoke, target, symlinks=True))
    run(project, "git", "add", "--all")
    run(project, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "Run")
    return project


@pytest.fixture
def project(done: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done, tmp_path / "project", symlinks=True))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_pages_is_run_somewhere(page: str) -> None:
    by_ci = (ROOT / ".ci/run").read_text(encoding="utf-8")

    for command in commands(page):
        if command.startswith("python3 -m venv"):
            assert f"readme_command {command.rsplit('&& ', 1)[1]}" in by_ci.replace("'", "")
        elif command in BY_CI:
            assert BY_CI[command] in by_ci
        else:
            file, test = ELSEWHERE.get(command) or ("tests/e2e/test_readme.py", HERE.get(command))
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), command


def test_no_command_is_accounted_for_that_no_page_shows() -> None:
    shown = {command for page in PAGES for command in commands(page)}

    assert shown >= {*ELSEWHERE, *BY_CI, *HERE}


def test_commands_name_experiments_of_the_shipped_params() -> None:
    known = load_params(ROOT / "params.yaml").experiments
    for command in (command for page in PAGES for command in commands(page)):
        named = re.findall(r"(?:restore try|restore export|@) ?([a-z]\w+)", command)
        named += re.findall(r"experiments='\[\"(\w+)\"\]'", command)
        for several in re.findall(r"--experiments((?: \w+)+)", command):
            named += several.split()

        assert set(named) <= known.keys(), command


def worked_example() -> dict[str, str]:
    """Return the lines that the README has people paste, by section of ``params.yaml``."""
    return {str(section_of(block)): block.text for block in blocks("README.md", "yaml")}


def planned(project: Path) -> set[str]:
    """Return the stages that ``restore plan`` names, but for those that may follow others."""
    plan = run(project, "restore", "plan").stdout
    return set(re.findall(r"^([\w@]+)  +(?! |if what it reads changes)", plan, re.MULTILINE))


def test_the_worked_example_of_the_readme_adds_one_experiment(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", preset="quick")
    params = project / "params.yaml"
    before, known = planned(project), load_params(params)
    for section, lines in worked_example().items():
        params.write_text(paste(params.read_text(encoding="utf-8"), section, lines))

    edited = load_params(params)

    (experiment,) = edited.experiments.keys() - known.experiments.keys()
    (recipe,) = edited.recipes.keys() - known.recipes.keys()
    assert edited.experiments[experiment].recipe == recipe
    assert edited.recipes[recipe].steps == 3000
    assert planned(project) - before == {
        f"{stage}@{experiment}" for stage in ("train", "reconstruct", "evaluate")
    }


def test_the_schema_for_editors_is_up_to_date() -> None:
    written = run(ROOT, "restore", "schema").stdout

    kept = (ROOT / "pipeline/checking/params.schema.json").read_text(encoding="utf-8")
    assert written == kept, "run: restore schema > pipeline/checking/params.schema.json"


@pytest.mark.slow
def test_an_experiment_is_launched_by_editing_the_params(project: Path) -> None:
    params = (project / "params.yaml").read_text()
    line = next(line for line in params.splitlines() if line.startswith("  dncnn_s25:"))
    added = line.replace("dncnn_s25:", "dncnn_again:")
    (project / "params.yaml").write_text(paste(params, "experiments", f"{added}\n"))

    plan = planned(project)
    estimate = run(project, "restore", "plan", "--estimate").stdout
    output = run(project, "dvc", "repro").stdout
    difference = run(project, "dvc", "metrics", "diff").stdout
    run(project, "git", "add", ".")
    run(project, "git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "Add one")
    columns = ("--drop", ".*", "--keep", ".*/dncnn_s25.json:(psnr|gain)")
    shown = run(project, "dvc", "exp", "show", *columns, "--csv").stdout
    results = run(project, "restore", "report").stdout

    new = {f"{stage}@dncnn_again" for stage in ("train", "reconstruct", "evaluate")}
    assert plan == {"check", "list_tests", "report", *new}
    assert re.search(r"^dncnn_again +dncnn.tiny +12 +8 +96 ", estimate, re.MULTILINE)
    assert "to write: about" in estimate
    assert set(re.findall(r"Running stage '((?:train|evaluate|report)\b.*)'", output)) == {
        *("train@dncnn_again", "evaluate@dncnn_again", "report")
    }
    assert "data/metrics/dncnn_s25.json:psnr" in shown.splitlines()[0]
    assert re.search(
        r"^data/metrics/dncnn_again.json +psnr +- +\d\d\.\d+ ", difference, re.MULTILINE
    )
    assert re.search(r"^ *\d+  dncnn_s25.*2 runs\) ", results, re.MULTILINE)


@pytest.mark.slow
def test_changed_values_are_tried_listed_kept_and_dropped(project: Path) -> None:
    params = project / "params.yaml"
    before = params.read_text()

    tried = run(
        project, "restore", "try", "dncnn_s25", "--set", "recipe.steps=24", "--name", "longer"
    ).stdout
    other = run(
        project, "restore", "try", "dncnn_s25", "--set", "recipe.learning_rate=1.0e-3",
        "--set", "model.width=12", "--name", "wider",
    ).stdout  # fmt: skip
    listed = run(project, "restore", "try").stdout
    untouched = params.read_text()
    run(project, "restore", "try", "--keep", "longer")
    run(project, "restore", "try", "--drop", "wider")

    assert re.search(r"\d+\.\d+", tried)
    assert "dncnn_s25" in other
    assert {"longer", "wider"} <= set(re.findall(r"\w+", listed))
    assert untouched == before
    kept = load_params(params)
    assert kept.recipes[kept.experiments["longer"].recipe].steps == 24
    assert "wider" not in kept.experiments
    assert set(before.splitlines()) <= set(params.read_text().splitlines())
    assert "wider" not in run(project, "restore", "try").stdout


@pytest.mark.slow
def test_the_command_line_runs_some(project: Path) -> None:
    shutil.rmtree(project / "data/models/vdsr_x23")
    shutil.rmtree(project / "data/models/rednet_jpeg")

    run(project, "restore", "run", "--experiments", "dncnn_s25", "vdsr_x23", "--parallel", "2")

    assert (project / "data/models/vdsr_x23/weights.safetensors").exists()
    assert not (project / "data/models/rednet_jpeg").exists()


def test_presets_are_listed_and_put_in_place(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", preset="quick")

    listed = run(project, "restore", "preset").stdout
    run(project, "restore", "preset", "recognition")
    run(project, "restore", "preset", "weights")
    run(project, "restore", "preset", "literature")

    assert all(name in listed for name in ("quick", "smoke", "literature", "paper"))
    preset = project / "pipeline/checking/presets/literature.yaml"
    assert (project / "params.yaml").read_bytes() == preset.read_bytes()


def test_a_preset_says_what_it_would_cost(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", preset="quick")

    estimate = run(project, "restore", "plan", "--preset", "smoke").stdout

    assert re.search(r"^photos_train +3 +1.1 MB +here", estimate, re.MULTILINE)
    assert re.search(r"^vdsr_x23 +vdsr.tiny +12 +8 +96 ", estimate, re.MULTILINE)
    assert "trainings one after another: " in estimate


def test_published_sets_are_listed_fetched_and_verified(real_data: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", preset="quick")
    mirror = {"RESTORE_MIRROR": str(real_data), "RESTORE_ACCEPT_TERMS": ""}

    listed = run(project, "restore", "data", "list", settings=mirror).stdout
    names = ["set12", "polyu_crops", "--accept-terms"]
    fetched = run(project, "restore", "data", "fetch", *names, settings=mirror)
    verified = run(project, "restore", "data", "verify", "set12", settings=mirror).stdout
    everything = run(project, "restore", "data", "verify", settings=mirror).stdout

    assert all(name in listed for name in ("set12", "div2k_train", "sidd_small", "cifar10"))
    assert "Non-commercial use only" in fetched.stdout + fetched.stderr
    assert "12 download(s)" in verified
    assert "212 download(s)" in everything


def test_photographs_of_ones_own_are_checked(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", preset="quick")
    (project / "photos").mkdir()
    write_png(project / "photos" / "one.png", np.full((20, 30, 3), 0.5, np.float32))

    printed = run(project, "restore", "data", "import", "photos").stdout

    assert "kind: folder" in printed


@pytest.mark.slow
def test_published_weights_are_measured_like_an_experiment(project: Path) -> None:
    # The very weights that were trained here, as a file of MATLAB would have them.
    params = load_params(project / "params.yaml")
    experiment = params.experiments["dncnn_s25"]
    network = build_model(params.models.named("dncnn")[experiment.model], seed=0)
    network.load_state_dict(load_file(project / "data/models/dncnn_s25/weights.safetensors"))
    (project / "weights").mkdir()
    write_version_7_3(project / "weights" / "official.mat", {"net": simplenn(network)})
    place = ["--as", "official", "--test-on", experiment.test_on]
    place += ["--compare-with", "DnCNN-S", "--add"]

    shown = run(project, "restore", "import", "weights/official.mat").stdout
    run(project, "restore", "import", "weights/official.mat", *place)
    run(project, "dvc", "repro")

    assert "imported:" in shown
    assert load_params(project / "params.yaml").imported["official"].layout == "matconvnet"
    own, imported = (
        {
            (row.place, row.image): (row.psnr, row.ssim)
            for row in read_table(project / f"data/evaluated/{name}/scores.csv", Score)
        }
        for name in ("dncnn_s25", "official")
    )
    assert imported == {key: pytest.approx(scores, abs=2e-4) for key, scores in own.items()}
    assert "official" in (project / "data/report/index.html").read_text()


@pytest.mark.slow
def test_a_trained_network_runs_without_the_project(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "dncnn_s25.onnx"
    (shown,) = blocks("docs/export.md", "python")
    image = next((project / "data/restored/dncnn_s25").glob("*/gaussian_25/*.npy"))
    (degraded,) = (project / "data/benchmarks").glob(f"*/*/gaussian_25/degraded/{image.name}")
    program = f"{shown.text}\nbatch = np.load('{degraded}').transpose(2, 0, 1)[None]\n"
    program += "np.save('restored.npy', restore(batch, tile=64)[0].transpose(1, 2, 0))\n"

    run(project, "restore", "export", "dncnn_s25", "--to", str(file))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False)

    assert done.returncode == 0
    assert np.abs(np.load(tmp_path / "restored.npy") - np.load(image)).max() < 1e-5


@pytest.mark.slow
def test_photographs_are_restored_from_the_command_line(project: Path) -> None:
    clean = astronaut()[:256, :256]
    for name, sigma in (("noisy.png", 20), ("day/clean.png", 0)):
        (project / "photos/day").mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(0).normal(0, sigma / 255, clean.shape)
        write_png(project / "photos" / name, (from_8bit(clean) + noise).astype(np.float32))

    previewed = run(project, "restore", "photo", "photos", "--preview").stdout
    nothing = not (project / "photos-restored/noisy.png").exists()
    shown = run(project, "restore", "photo", "photos", "--page").stdout
    again = run(project, "restore", "photo", "photos").stdout
    for asked in (
        ["--task", "denoise", "--strength", "0.7", "--out", "less"],
        ["--task", "deblock", "--out", "deblocked"],
        ["--task", "upscale", "--scale", "3", "--out", "large"],
    ):
        run(project, "restore", "photo", "photos", *asked)
    run(project, "restore", "export", "dncnn_s25", "--to", "my-network")
    for name, out in (("dncnn_s25", "by_dncnn"), ("my-network", "by_mine")):
        run(project, "restore", "photo", "photos", "--model", name, "--out", out)

    card = json.loads((project / "my-network/card.json").read_text(encoding="utf-8"))
    scores = [scores for levels in card["results"].values() for scores in levels.values()]
    assert {key for level in scores for of in level.values() for key in of} == {
        *("psnr", "ssim", "psnr_input", "ssim_input")
    }
    assert nothing
    assert "noisy.png" in previewed
    assert "left as it is" in shown
    assert "2 had a result already" in again
    page = (project / "photos-restored/before-after.html").read_text()
    assert page.count("data:image/jpeg") == 2
    restored = {
        path.parent.name: read_8bit(path)
        for path in project.glob("*/noisy.png")
        if path.parent.name != "photos"
    }
    assert psnr(restored["photos-restored"], clean) > psnr_of_noise(20) + 4
    assert (project / "photos-restored/day/clean.png").read_bytes() == (
        project / "photos/day/clean.png"
    ).read_bytes()
    assert restored["large"].shape == (768, 768, 3)
    assert np.array_equal(restored["by_dncnn"], restored["by_mine"])
    assert set(restored) == {
        *("photos-restored", "less", "deblocked", "large", "by_dncnn", "by_mine")
    }


def psnr(image: Bytes, clean: Bytes) -> float:
    return float(10 * np.log10(255**2 / np.mean((image.astype(float) - clean) ** 2)))


def psnr_of_noise(sigma_8bit: float) -> float:
    return float(20 * np.log10(255 / sigma_8bit))


@pytest.mark.slow
def test_inputs_that_nobody_restored_have_their_published_scores(
    real_data: Path, tmp_path: Path
) -> None:
    project = copy_project(tmp_path / "project", preset="quick")
    run(project, "restore", "preset", "official")

    run(project, "dvc", "repro", settings={"RESTORE_MIRROR": str(real_data)})

    with (project / "data/report/results.csv").open(newline="") as file:
        gaps = {
            (row["data_set"], row["degradation"], row["protocol"]): float(row["psnr_gap"])
            for row in csv.DictReader(file)
            if row["psnr_gap"]
        }
    assert len(gaps) == 20
    assert max(map(abs, gaps.values())) <= 0.01


@pytest.mark.slow
def test_the_pages_of_mlflow_show_the_runs(done: Path) -> None:
    port = free_port()

    with background(done, ["restore", "ui", f"--port={port}", "--no-browser"]):
        names = wait_for_runs(f"http://127.0.0.1:{port}")

    assert {"dncnn_s25", "vdsr_x23", "rednet_jpeg"} <= names


def wait_for_runs(address: str) -> set[str]:
    """Return the names of the runs that MLflow's server at ``address`` knows."""
    question = json.dumps({"experiment_ids": ["1"], "max_results": 100}).encode()
    request = urllib.request.Request(  # noqa: S310  (an address of this machine)
        f"{address}/api/2.0/mlflow/runs/search",
        question,
        {"Content-Type": "application/json"},
    )
    for _ in range(240):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  (as above)
                return {one["info"]["run_name"] for one in json.load(answer)["runs"]}
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(f"no answer from {address} in two minutes")


@contextmanager
def background(project: Path, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while the block runs, and end its process group."""
    process = subprocess.Popen(
        command,
        cwd=project,
        env=command_environment(project),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=60)


@pytest.mark.slow
def test_real_noise_comes_from_a_mirror(real_data: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", preset="literature")
    params = (project / "params.yaml").read_text()
    params = re.sub(r"steps: \d+", "steps: 20", params).replace("warmup: 50", "warmup: 2")
    (project / "params.yaml").write_text(params)
    mirror = {"RESTORE_MIRROR": str(real_data), "RESTORE_ACCEPT_TERMS": "all"}

    run(project, "dvc", "repro", "evaluate@dncnn_real", settings=mirror)

    scores = read_table(project / "data/evaluated/dncnn_real/scores.csv", Score)
    protocols = {"rgb-uint8", "rgb-float", "y-uint8", "y-float", "sidd"}
    assert {row.place for row in scores} == {("cc15", "paired", one) for one in protocols}


@pytest.mark.slow
def test_the_benchmark_measures_all_and_stands_beside_an_earlier_one(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    command = (sys.executable, "-m", "tests.bench", "--quick", "--out")

    everything = run(ROOT, *command, str(first))
    again = run(ROOT, *command, str(second), "startup", "--against", str(first / "benchmark.jsonl"))

    for group in (
        "training DnCNN-S 17x64",
        "learning DSCMR",
        "restoring",
        "extract",
        "bicubic",
        "start-up",
        "memory",
    ):
        assert re.search(f"^{group}", everything.stdout, re.MULTILINE)
    assert {path.name for path in first.iterdir()} == {
        "benchmark.jsonl",
        "benchmark.txt",
        "benchmark.png",
    }
    assert re.search(r"restore --help .* before", again.stdout)


@pytest.mark.slow
def test_the_script_for_a_new_gpu_says_where_there_is_none(tmp_path: Path) -> None:
    out = tmp_path / "first_gpu.json"
    command = (sys.executable, "-m", "tests.bench.first_gpu", "--plain", "--batch", "2")

    done = run(ROOT, *command, "--seconds", "0.1", "--out", str(out))

    found = json.loads(out.read_text())
    has_gpu = found["machine"]["device"] == "cuda"
    assert ("no CUDA device here" in done.stderr) is not has_gpu
    assert found["finished"]
    assert set(found["resumed"].values()) == {True}
    assert {way["channels_last"] for way in found["steps"]} == {True, False}
    assert all(way["patches_a_second"] > 0 for way in found["steps"])


def test_an_unknown_part_of_the_benchmark_is_refused() -> None:
    done = run(ROOT, sys.executable, "-m", "tests.bench", "trainings", check=False)

    assert done.returncode == 2
    assert "no part is called trainings" in done.stderr


def test_the_calibration_prints_ours_beside_the_published(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "set5").symlink_to(real_data / "set5")

    printed = run(ROOT, sys.executable, "-m", "tests.bench.calibration", str(tmp_path)).stdout

    assert re.search(r"^set5 +bicubic_x2 +y-shave +33.66\d +33.66 ", printed, re.MULTILINE)


def test_the_figures_of_the_guard_are_printed(real_data: Path, tmp_path: Path) -> None:
    for name, ending in (("bsd68", "png"), ("bsds500_train", "jpg")):
        (tmp_path / name).mkdir()
        image = min((real_data / name).rglob(f"*.{ending}"))
        (tmp_path / name / image.name).symlink_to(image)
    command = (sys.executable, "-m", "tests.bench.guard", str(tmp_path), "--images", "2")

    printed = run(ROOT, *command).stdout

    assert re.search(r"^mirrored +1 \(0\) ", printed, re.MULTILINE)
    assert "bsds500_train and bsd68, live1, set14, classic5, cc15, nam25: 0 false alarms" in printed
    assert "2 images of bsds500_train, polyu_crops against 1 test images" in printed
