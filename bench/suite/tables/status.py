"""How far the sets of a suite are."""

from bench.errors import BenchError
from bench.reading.status import Standing, standing_of
from bench.show.grid import Grid
from bench.store.folder import open_run
from bench.store.lock import is_locked
from bench.suite.store import StoredSuite


def suite_status(stored: StoredSuite) -> Grid:
    """Return cells and models of each set."""
    rows: list[tuple[str, ...]] = []
    totals = [0, 0, 0, 0]
    for one in stored.suite.sets:
        if one.name not in stored.runs:
            rows.append((one.name, "-", "-", "-", "-", "-", _why(stored, one.name)))
            continue
        try:
            standing = standing_of(open_run(stored.runs[one.name], empty=True, columns=("error",)))
        except BenchError as error:
            rows.append((one.name, "-", "-", "-", "-", "-", str(error)))
            continue
        counts = _counts(standing)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        n_models = len(standing.trained) + len(standing.untrained)
        rows.append((one.name, *(f"{count:,}" for count in counts), f"{len(standing.trained)}/{n_models}", _state(standing)))
    rows.append(("all", *(f"{total:,}" for total in totals), "", ""))
    suite = stored.suite
    state = "running" if is_locked(stored.folder) else "incomplete; repeat its command to go on" if totals[3] else "not running"
    return Grid(
        f"{stored.folder}: suite {suite.name}, version {suite.version}: {state}",
        ("set", "done", "running", "failed", "missing", "models", "state"),
        tuple(rows),
        left=frozenset({0, 6}),
        wrap=frozenset({6}),
    )


def _counts(standing: Standing) -> tuple[int, int, int, int]:
    of = standing.methods
    return (
        sum(one.done for one in of),
        sum(one.running for one in of),
        sum(one.failed for one in of),
        sum(one.missing for one in of),
    )


def _why(stored: StoredSuite, name: str) -> str:
    reason = stored.absent.get(name)
    return f"left out: {reason}" if reason else "not begun"


def _state(standing: Standing) -> str:
    if standing.running:
        active = [
            f"{key} at epoch {one.epoch} of {one.epochs}"
            for key, one in (standing.progress.trainings.items() if standing.progress else ())
            if one.state == "training"
        ]
        return ", ".join(active) or "running"
    if not standing.readable:
        return "cannot be told here: a method is not installed"
    return "complete" if standing.complete else "stopped"
