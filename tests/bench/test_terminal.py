"""The command line as a shell sees it: pipes, versions, help with examples, completion, runs nearby."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import GMVAE_BENCH

from bench.cli import completion
from bench.cli.commands import COMMANDS
from bench.cli.examples import EXAMPLES
from bench.cli.main import load_command
from bench.engine.steps import overdue
from bench.judge.record import Origin, Outcome, make_record
from bench.plan.budgets import Budget
from bench.plan.cells import Cell
from bench.store.sources import package_version

Command = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


def leaves() -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its path."""
    for name in COMMANDS:
        command = load_command(name)
        inner = getattr(command, "commands", None)
        yield from ((f"{name} {sub}", one) for sub, one in inner.items()) if inner else [(name, command)]


@pytest.mark.parametrize("arguments", [("table",), ("table", "--format", "csv"), ("run", "-h"), ("--version",)])
def test_a_reader_that_goes_away_is_no_failure(arguments: tuple[str, ...]) -> None:
    name, *rest = arguments
    run = ["results/reference"] if name in ("table", "claims") else []
    reading, writing = os.pipe()
    # Nobody reads at all: the first write fails, or the last flush.
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            [*GMVAE_BENCH, name, *run, *rest], cwd=ROOT, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=120, check=False
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_version_and_short_help(command: Command) -> None:
    assert command("--version")[:2] == (0, f"gmvae-bench {package_version()}\n")
    assert command("-h")[1] == command("--help")[1]
    for name, _ in leaves():
        assert "Usage" in command(*name.split(), "-h")[1]


@pytest.mark.parametrize(("path", "command"), list(leaves()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_help_has_two_examples_of_itself(path: str, command: Any) -> None:
    first, second = EXAMPLES[path]
    assert first != second
    for example in (first, second):
        words = shlex.split(example.partition("|")[0])
        assert words[: 1 + len(path.split())] == ["gmvae-bench", *path.split()]
        rest = words[1 + len(path.split()) :]
        assert "--help" not in rest
        # What stands there can be typed.
        command.make_context(path, rest)
        assert example in command.epilog


def test_every_example_is_of_a_command() -> None:
    assert set(EXAMPLES) == {path for path, _ in leaves()}


@pytest.mark.parametrize(("path", "command"), list(leaves()), ids=lambda value: value if isinstance(value, str) else "")
def test_no_option_of_words_leaves_open_which(path: str, command: Any) -> None:
    bare = [
        option.name
        for option in command.params
        if option.type_descriptor.annotation is str and option.metavar is None and not option.hidden
    ]
    assert bare == [], path


@pytest.mark.parametrize(
    ("complete", "incomplete", "expected"),
    [
        (completion.methods, "soft,har", ["soft,hard", "soft,hard-fallback"]),
        (completion.methods, "soft,sof", ["soft,soft-bayes", "soft,soft-shares"]),
        (completion.method, "au", ["auto"]),
        (completion.samplers, "rand", ["random"]),
        (completion.data, "iri", ["iris"]),
        (completion.presets, "pa", ["paper"]),
        (completion.tables, "lab", ["labels"]),
        (completion.figures, "confusion,cov", ["confusion,coverage"]),
        (completion.trackers, "ml", ["mlflow"]),
        (completion.one_of("ray", "serial"), "", ["ray", "serial"]),
    ],
)
def test_what_is_completed(complete: Callable[[str], list[str]], incomplete: str, expected: list[str]) -> None:
    found = complete(incomplete)
    assert found[: len(expected)] == expected or set(expected) <= set(found)
    assert all(one.startswith(incomplete) for one in found)


def test_runs_are_completed_and_named_where_none_was_given(
    command: Command, exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for place in ("results/runs/mine", "elsewhere/other"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).symlink_to(exported)
    monkeypatch.chdir(tmp_path)
    assert completion.runs("") == ["results/runs/mine"]
    assert completion.runs("elsewhere/") == ["elsewhere/other"]
    (tmp_path / "results/suites/ours").mkdir(parents=True)
    (tmp_path / "results/suites/ours/suite.json").touch()
    assert completion.results("") == ["results/runs/mine", "results/suites/ours"]
    code, _, err = command("table", "elsewhere")
    assert code == 2
    assert "elsewhere is not the folder of a run; runs nearby: elsewhere/other, results/runs/mine" in err
    assert (
        "nowhere is not the folder of a run: it does not exist; runs nearby: results/runs/mine" in command("table", "nowhere")[2]
    )


def test_the_shell_is_answered() -> None:
    asked = {"_GMVAE_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": "gmvae-bench run --executor s", "COMP_CWORD": "3"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("gmvae-bench"))], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["serial"]


def test_an_answer_that_comes_too_late_counts_no_more_than_none() -> None:
    cell = Cell("knn", Budget(20, "20"), "random", 0, None)
    outcome = Outcome(accuracy=0.9, fit_seconds=3.0, predict_seconds=0.1, cpu_seconds=3.0, predictions=b"1")
    record = make_record(cell, Origin("d", "0", 100, 100, "1"), sees="pixels", model=None, host="h", outcome=outcome, cell_id="c")
    late = overdue(record, 0.5)
    assert (late.status, late.error) == ("timeout", "the cell took longer than 0.5 seconds")
    assert late.key == record.key
    assert {late.accuracy, late.fit_seconds, late.cpu_seconds, late.predictions} == {None}
