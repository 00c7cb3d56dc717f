"""A suite made small enough to publish: each of its sets as an exported run."""

from collections.abc import Callable
from pathlib import Path

from bench.errors import SettingsError, StoreError
from bench.reading.export import Exported, export
from bench.reading.open_run import OpenRun
from bench.store.folder import open_run
from bench.suite.store import StoredSuite, check_suite, claim_suite, is_suite, open_suite


def export_suite(
    stored: StoredSuite, folder: Path, *, data_dir: Path | None = None, tell: Callable[[str], None] = lambda _text: None
) -> dict[str, Exported]:
    """Write the suite to `folder`, where every command that reads suites reads it; return what each set's export holds.

    Raises
    ------
    SettingsError
        If it is an export already, or has no results yet.
    StoreError
        If `folder` holds anything but an earlier export of the same suite, or cannot be written to.
    """
    runs = stored.judged
    if not runs:
        raise SettingsError(f"{stored.folder} has no results yet; repeat the suite's command to go on")
    # Before anything is written.
    if any(open_run(run, empty=True).exported for run in runs.values()):
        raise SettingsError(f"{stored.folder} is an export already; copy it")
    sets = tuple(one.model_copy(update={"data": Path(one.data).name}) for one in stored.suite.sets)
    suite = stored.suite.model_copy(update={"sets": sets})
    check_suite(folder, suite)
    if is_suite(folder) and not all(open_run(run, empty=True).exported for run in open_suite(folder).runs.values()):
        raise StoreError(f"{folder} holds a suite, not an export of one; name another folder")
    # Why a set was absent may name a place.
    claim_suite(folder, suite, dict.fromkeys(stored.absent, "not among the data when the suite was run"))
    return {name: export(OpenRun(run, data_dir=data_dir, tell=tell), folder / name) for name, run in runs.items()}
