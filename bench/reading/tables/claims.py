"""The paper's claims, each beside what the run measured."""

from collections.abc import Sequence

from bench.reading.open_run import OpenRun
from bench.reading.part import of_supervision
from bench.reading.tables import Ask
from bench.show.grid import Grid
from bench.stats.claims import PAPER_COMPONENTS, Claim, claims
from bench.stats.selections import selection_notes

TITLE = "The paper's claims"
_VERDICTS = {"holds": "bold green", "does not hold": "bold red", "cannot be judged": "yellow"}


def make(run: OpenRun, ask: Ask) -> Grid:  # noqa: ARG001 - claims have their own metric and target
    """Judge the claims on the whole run, whatever part of it is shown."""
    records = of_supervision(run.every)
    keys = [key for key in run.models_of(records) if key.n_components == PAPER_COMPONENTS]
    sizes = run.sizes_if_known(keys)
    about = run.described.get("note") or f"measured on {run.name}, {run.described['n_pool']:,} items"
    judged = claims(records, run.described, list(sizes.values()))
    return claims_grid(judged, [str(about), *selection_notes(records)])


def claims_grid(judged: Sequence[Claim], notes: Sequence[str]) -> Grid:
    """Return a row per claim: the paper's number, the one measured here, the verdict and what it rests on."""
    return Grid(
        'Claims of "You Don\'t Need Many Labels to Learn"',
        ("claim", "paper", "measured here", "verdict"),
        tuple((claim.claim, claim.paper, f"{claim.measured}\n{claim.why}", claim.verdict) for claim in judged),
        tuple(notes),
        left=frozenset({0, 1, 2, 3}),
        wrap=frozenset({0, 2}),
        colors=_VERDICTS,
    )
