"""The listing is the architecture: each part imports only what stands before it, and heavy imports wait."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGES = [
    "errors",
    "plugins",
    "data",
    "plan",
    "judge",
    "store",
    "engine",
    "stats",
    "show",
    "pipeline",
    "standing",
    "gallery",
    "search",
    "findings",
    "labelling",
    "conformance",
    "summary",
    "report",
    "cli",
]
FILES = sorted(path for package in ("gmvae", "baselines", "bench") for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def stage_of(module: str) -> int | None:
    """Place of a `bench` module in the order of the stages."""
    parts = module.split(".")
    return STAGES.index(parts[1]) if parts[0] == "bench" and len(parts) > 1 and parts[1] in STAGES else None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_backwards(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    modules = imports(path)
    tops = {module.split(".")[0] for module in modules}
    if parts[0] == "gmvae":
        assert not tops & {"bench", "baselines", "ray"}
    elif parts[0] == "baselines":
        assert not tops & {"bench", "gmvae", "ray", "torch"}
    else:
        own = stage_of(".".join(parts))
        later = {module for module in modules if own is not None and (stage_of(module) or 0) > own}
        assert not later
    if parts[:2] != ("bench", "engine"):
        assert "ray" not in tops


def test_stats_need_no_torch_and_no_engine() -> None:
    for path in (ROOT / "bench" / "stats").glob("*.py"):
        assert not {module.split(".")[0] for module in imports(path)} & {"torch", "sklearn", "gmvae", "baselines"}
        assert not {module for module in imports(path) if module.startswith(("bench.engine", "bench.judge"))}


@pytest.mark.parametrize("command", ["import bench.cli.main", "import gmvae", "import bench.plan.settings"])
def test_starting_loads_nothing_heavy(command: str) -> None:
    heavy = {"torch", "ray", "sklearn", "pandas", "xgboost", "matplotlib"}
    code = f"import sys\n{command}\nprint(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_pickled_by_us() -> None:
    for path in FILES:
        assert not {module.split(".")[0] for module in imports(path)} & {"pickle", "cloudpickle", "joblib", "dill", "shelve"}
        text = path.read_text()
        assert "allow_pickle=True" not in text
        assert "torch.load" not in text
