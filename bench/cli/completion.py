"""What the shell may complete: names of methods, samplers, data sets and presets, and folders of runs.

Everything is imported when it is asked for. Where nothing fits, the shell completes files by itself.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

_CONFIG, _SUITE = "config.json", "suite.json"
# Where `run` and `suite run` write by themselves.
_RUNS = ("results/runs", "results/suites")


def methods(incomplete: str) -> list[str]:
    """Complete the last of some methods."""
    from bench.judge.methods import all_methods

    return _last(incomplete, all_methods())


def method(incomplete: str) -> list[str]:
    """Complete one method, or `auto`."""
    from bench.judge.methods import all_methods

    return _starting(incomplete, ["auto", *all_methods()])


def samplers(incomplete: str) -> list[str]:
    """Complete the last of some samplers."""
    from bench.plan.samplers import all_samplers

    return _last(incomplete, all_samplers())


def data(incomplete: str) -> list[str]:
    """Complete a name of a data set."""
    from bench.data.registry import all_datasets

    return _starting(incomplete, all_datasets())


def presets(incomplete: str) -> list[str]:
    """Complete a preset."""
    from bench.plan.presets import all_presets

    return _starting(incomplete, all_presets())


def tables(incomplete: str) -> list[str]:
    """Complete a table of a run."""
    from bench.reading.tables import TABLES

    return _starting(incomplete, TABLES)


def figures(incomplete: str) -> list[str]:
    """Complete the last of some figures."""
    from bench.reading.figures import FIGURES

    return _last(incomplete, FIGURES)


def trackers(incomplete: str) -> list[str]:
    """Complete the last of some trackers."""
    from bench.store.trackers import TRACKERS

    return _last(incomplete, TRACKERS)


def runs(incomplete: str) -> list[str]:
    """Complete the folder of a run."""
    return _folders(incomplete, _CONFIG)


def suites(incomplete: str) -> list[str]:
    """Complete the folder of a suite."""
    return _folders(incomplete, _SUITE)


def results(incomplete: str) -> list[str]:
    """Complete the folder of a run or of a suite."""
    return list(dict.fromkeys([*runs(incomplete), *suites(incomplete)]))


def one_of(*choices: str) -> Callable[[str], list[str]]:
    """Return what completes one of some words."""

    def complete(incomplete: str) -> list[str]:
        return _starting(incomplete, choices)

    return complete


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _last(incomplete: str, names: Iterable[str]) -> list[str]:
    """Complete what stands after the last comma."""
    before, comma, last = incomplete.rpartition(",")
    given = set(before.split(","))
    return [before + comma + name for name in names if name.startswith(last) and name not in given]


def _folders(incomplete: str, inside: str) -> list[str]:
    """Return folders that begin like this and hold a file of that name, those where runs are written first."""
    parent = Path(incomplete).parent if incomplete and not incomplete.endswith("/") else Path(incomplete)
    places = [parent, *(Path(place) for place in _RUNS)]
    found = (str(path.parent) for place in places if place.is_dir() for path in sorted(place.glob(f"*/{inside}")))
    return _starting(incomplete, dict.fromkeys(found))
