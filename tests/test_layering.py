"""The listing is the architecture: each part imports only what stands before it, and heavy imports wait."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The folders of `bench`, in the order data flows, and the modules at its root.
ORDER = [
    *("errors", "wording", "plugins", "data", "plan", "judge", "store", "engine", "stats", "show", "run"),
    *("search", "embedding", "classifier", "labelling", "reading", "suite", "testing", "api", "cli"),
]
OLD_NAMES = {"conformance"}
FILES = sorted(path for package in ("gmvae", "baselines", "bench", "gmvae_bench") for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def place(module: str) -> int:
    """Place of a `bench` module in the order; -1 for what is no part of it."""
    parts = module.split(".")
    return ORDER.index(parts[1]) if parts[0] == "bench" and len(parts) > 1 and parts[1] in ORDER else -1


def faults(path: Path) -> list[str]:
    """Imports of a file that point forwards, or to where its package must not look."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    forbidden = {"gmvae": {"bench", "baselines", "ray"}, "baselines": {"bench", "gmvae", "ray", "torch"}}.get(
        parts[0], set() if parts[:2] == ("bench", "engine") else {"ray"}
    )
    own = place(".".join(parts))
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for module in sorted(imports(path))
        if module.split(".")[0] in forbidden or 0 <= own < place(module)
    ]


def test_imports_point_backwards() -> None:
    modules = {"errors", "wording", "plugins", "run"}
    assert {path.stem for path in (ROOT / "bench").glob("*.py")} - {"__init__"} == modules | OLD_NAMES
    assert {path.name for path in (ROOT / "bench").iterdir() if (path / "__init__.py").exists()} == {
        name for name in ORDER if name not in modules
    }
    assert [fault for path in FILES for fault in faults(path)] == []


def test_the_check_sees_what_it_forbids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    for name, line, bad in (
        ("bench/stats/a.py", "from bench.show.grid import Grid", True),
        ("bench/show/a.py", "from bench.stats.seeds import SeedTable", False),
        ("bench/reading/a.py", "def f():\n    import ray", True),
        ("bench/engine/a.py", "import ray", False),
        ("gmvae/a.py", "from bench import errors", True),
        ("baselines/a.py", "import torch", True),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
        assert bool(faults(path)) == bad, name


def test_stats_need_no_torch_and_no_engine() -> None:
    for path in (ROOT / "bench" / "stats").glob("*.py"):
        assert not {module.split(".")[0] for module in imports(path)} & {"torch", "sklearn", "gmvae", "baselines"}
        assert not {module for module in imports(path) if module.startswith(("bench.engine", "bench.judge"))}


@pytest.mark.parametrize("command", ["import bench.cli.main", "import gmvae", "import gmvae_bench", "import bench.plan.settings"])
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
