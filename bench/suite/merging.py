"""Uniting the results of one suite, set by set."""

from collections.abc import Sequence
from pathlib import Path

from bench.errors import StoreError
from bench.store.lock import locked
from bench.store.merging import Merged, check_sources, merge_runs
from bench.suite.store import check_suite, claim_suite, open_suite


def merge_suites(sources: Sequence[Path], out: Path) -> dict[str, Merged]:
    """Unite folders of one suite in a new folder, or in one of the same suite; return what came together by set.

    Raises
    ------
    StoreError
        If they are not of the same suite and version, or a set differs in data or training.
    """
    suites = [open_suite(folder) for folder in sources]
    first = suites[0].suite
    for other in suites[1:]:
        if (other.suite.name, other.suite.version, other.suite.fingerprint) != (first.name, first.version, first.fingerprint):
            held = (f"{one.name} version {one.version} ({one.fingerprint})" for one in (first, other.suite))
            raise StoreError(
                f"only results of the same suite can be merged: {sources[0]} holds {next(held)}, {other.folder} {next(held)}"
            )
    check_suite(out, first)
    judged = [suite.judged for suite in suites]
    of_sets = {one.name: [runs[one.name] for runs in judged if one.name in runs] for one in first.sets}
    # All of them before anything is written.
    for folders in of_sets.values():
        check_sources(folders)
    absent = {name: why for suite in suites for name, why in suite.absent.items() if not of_sets[name]}
    with locked(out):
        claim_suite(out, first, absent)
        return {name: merge_runs(folders, out / name) for name, folders in of_sets.items() if folders}
