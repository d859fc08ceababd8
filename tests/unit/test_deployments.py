"""The deployments that ``prefect.yaml`` describes, seen without a server and without containers."""

import inspect
import json
import subprocess
from pathlib import Path
from typing import Any

import prefect.server.api.collections as shipped
import pytest
from prefect import Flow
from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel
from prefect.flows import load_flow_from_entrypoint
from ruamel.yaml import YAML

from tests.pages import commands
from tests.pools import POOLS
from tests.project import ROOT


def deployments() -> dict[str | None, DeploymentConfig]:
    """Return what Prefect reads of ``prefect.yaml``, by name."""
    described = YAML(typ="safe").load(ROOT / "prefect.yaml")
    return {one.name: one for one in PrefectYamlModel.model_validate(described).deployments}


def job_template(kind: str) -> dict[str, Any]:
    """Return the template of the jobs of a pool, as Prefect itself ships it."""
    views = Path(shipped.__file__).parent / "collections_data/views"
    known = json.loads((views / "aggregate-worker-metadata.json").read_text())
    (worker,) = (workers[kind] for workers in known.values() if kind in workers)
    template: dict[str, Any] = worker["default_base_job_configuration"]
    return template


@pytest.mark.parametrize("name", deployments())
def test_a_deployment_names_a_flow_that_loads_and_takes_its_parameters(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    described = deployments()[name]

    flow: Flow[..., Any] = load_flow_from_entrypoint(described.entrypoint or "")

    assert flow.name in ("restore", "restore-stage")
    assert {*described.parameters} <= {*inspect.signature(flow.fn).parameters}


@pytest.mark.parametrize("name", deployments())
def test_a_deployment_sets_what_its_pool_knows_and_nothing_else(name: str) -> None:
    pool = deployments()[name].work_pool

    assert pool is not None
    known = job_template(POOLS[pool.name or ""])["variables"]["properties"]
    assert {*pool.job_variables} <= {*known}


def test_workers_in_containers_run_the_flow_of_the_others_and_hear_when_they_are_told_to_end() -> (
    None
):
    found = deployments()

    for name in ("worker-docker", "worker-kubernetes"):
        pool = found[name].work_pool
        assert pool is not None
        assert found[name].entrypoint == found["worker"].entrypoint
        assert found[name].pull == found["worker"].pull
        told = pool.job_variables["env"]["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"]
        assert told == "reschedule"


def test_the_lines_of_the_page_give_the_jobs_of_a_cluster_time_and_variables(
    tmp_path: Path,
) -> None:
    (line,) = (line for line in commands("docs/remote-workers.md") if line.startswith("sed "))
    written = tmp_path / ".restore/job.json"
    written.parent.mkdir()
    written.write_text(json.dumps(job_template("kubernetes"), indent=2))

    subprocess.run(line, shell=True, cwd=tmp_path, check=True)  # noqa: S602 - a line of ours

    job = json.loads(written.read_text())["job_configuration"]["job_manifest"]
    pod = job["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 120
    assert pod["containers"][0]["envFrom"] == [{"secretRef": {"name": "restore-worker"}}]
    assert pod["containers"][0]["args"] == "{{ command }}"


def test_the_recipe_of_the_image_copies_what_is_there_and_begins_as_the_services_do() -> None:
    recipe = (ROOT / "docs/operations/worker.dockerfile").read_text().splitlines()
    services = YAML(typ="safe").load(ROOT / "docs/operations/compose.yaml")["services"]

    (base,) = (line for line in recipe if line.startswith("FROM "))
    (copied,) = (line.split()[1:-1] for line in recipe if line.startswith("COPY "))

    assert services["mlflow"]["build"]["dockerfile_inline"].startswith(f"{base}\n")
    assert copied == [".ci/constraints.txt", "dist/*.whl"]
    assert (ROOT / copied[0]).is_file()
