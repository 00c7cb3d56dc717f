"""What surrounds the package: the site of documents, a notebook, files for Kubernetes, how to cite."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import nbformat
import pytest
import yaml
from documents import ROOT
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

from bench.cli.commands import COMMANDS
from bench.store.sources import package_version

KUBERNETES = ROOT / "docs" / "kubernetes"
SCHEMA = json.loads((Path(__file__).parent / "support" / "rayjob.schema.json").read_text())


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_has_every_command(tmp_path: Path) -> None:
    # Broken links inside the site and to files of the repository are warnings, and warnings are errors.
    build = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-n",
        "-q",
        "-c",
        "docs",
        "-b",
        "html",
        "-d",
        str(tmp_path / "trees"),
    ]
    done = subprocess.run([*build, ".", str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    pages = tmp_path / "site" / "docs"
    for name in COMMANDS:
        page = (pages / "reference" / f"{name}.html").read_text()
        assert f"gmvae-bench {name}" in page
        assert "--help" in page
    assert "gmvae_bench.select" in (pages / "api.html").read_text()


class ThisPython(AsyncKernelManager):
    """A kernel of the interpreter that runs the tests, whatever kernels are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, language="python", display_name="")


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(book, kernel_manager_class=ThisPython, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    really = re.search(r"really: (0\.\d+)", "".join(output.get("text", "") for output in outputs))
    assert really
    assert float(really[1]) > 0.85


def _job() -> tuple[dict[str, Any], dict[str, Any]]:
    claim, job = yaml.safe_load_all((KUBERNETES / "rayjob.yaml").read_text())
    return claim, job


def test_the_ray_job_has_only_fields_that_kuberay_knows() -> None:
    claim, job = _job()
    jsonschema.validate(job, SCHEMA, cls=jsonschema.Draft202012Validator)
    spec = job["spec"]["rayClusterSpec"]
    assert f"RAY_VERSION={spec['rayVersion']}\n" in (KUBERNETES / "Dockerfile").read_text()
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        mounts = {mount["mountPath"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert {"/shared", "/dev/shm"} <= mounts  # noqa: S108 - the pod's
        assert pod["securityContext"]["runAsNonRoot"]
        assert any(
            volume.get("persistentVolumeClaim", {}).get("claimName") == claim["metadata"]["name"] for volume in pod["volumes"]
        )


@pytest.mark.parametrize("place", ["spec", "spec.rayClusterSpec", "spec.rayClusterSpec.headGroupSpec"])
def test_a_misspelt_field_of_the_ray_job_is_found(place: str) -> None:
    job = copy.deepcopy(_job()[1])
    at = job
    for name in place.split("."):
        at = at[name]
    at["typo"] = 1
    with pytest.raises(jsonschema.ValidationError, match="typo"):
        jsonschema.validate(job, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_the_citation_is_about_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == package_version()
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
