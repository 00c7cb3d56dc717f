"""The suites that come with the package."""

from bench.show.grid import Grid
from bench.suite.definition import built_in, find_suite


def known_suites() -> Grid:
    """Return name, version and sets of each."""
    rows = []
    for name in built_in():
        suite = find_suite(name).suite
        rows.append((name, str(suite.version), ", ".join(one.name for one in suite.sets), suite.about))
    return Grid(
        "Suites",
        ("suite", "version", "sets", "what it is"),
        tuple(rows),
        ("a suite of your own is a TOML file: docs/suites.md",),
        left=frozenset({0, 2, 3}),
        wrap=frozenset({2, 3}),
    )
