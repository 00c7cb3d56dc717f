"""What `datasets describe` does once its options are checked."""

from collections.abc import Mapping
from typing import Any

from bench.cli.output import print_grid
from bench.cli.reading import load_with_progress
from bench.cli.state import make_console
from bench.data.dataset import Dataset
from bench.data.features import Feature
from bench.data.registry import refuse_idle_folder
from bench.errors import number_of
from bench.plan.defaults import default_components
from bench.plan.settings import make_settings
from bench.show.grid import Grid

_KINDS = {"number": "number", "log": "number, as logarithm", "date": "date, in days", "levels": "category", "list": "list"}
_SHOWN = 200


def describe_data(given: Mapping[str, Any]) -> None:
    """Print what is understood of data, and what a run would train on them."""
    console = make_console()
    settings = make_settings(given)
    refuse_idle_folder(settings.data, given.get("data_dir"))
    dataset = load_with_progress(settings, make_console(stderr=True))
    for line in dataset.notices() or (_plainly(dataset),):
        console.print(line, soft_wrap=True)
    held = "" if dataset.test is None else f", {len(dataset.test):,} held out"
    components = ", ".join(map(str, default_components(len(dataset.pool), dataset.n_distinct)))
    console.print(
        f"a run: {number_of(len(dataset.pool), 'item')} of {number_of(dataset.pool.shape[1], 'value')}{held}; "
        f"K = {components}, unless --components says otherwise",
        soft_wrap=True,
    )
    if dataset.features:
        console.print()
        print_grid(_columns(dataset.features))


def _plainly(dataset: Dataset) -> str:
    counts = [f"{name} {count:,}" for name, count in zip(dataset.class_names, dataset.describe()["class_counts"], strict=True)]
    return f"{dataset.name}: {number_of(dataset.n_classes, 'class', 'classes')}: {', '.join(counts)}"


def _columns(features: tuple[Feature, ...]) -> Grid:
    rows = tuple(
        (
            feature.column,
            _KINDS[feature.kind],
            f"{feature.gaps:,}" if feature.gaps else "-",
            f"{feature.n_features:,}",
            _detail(feature),
        )
        for feature in features[:_SHOWN]
    )
    more = f"; the first {_SHOWN} of {len(features):,}" if len(features) > _SHOWN else ""
    return Grid(
        f"Columns that are features{more}",
        ("column", "type", "gaps", "features", "detail"),
        rows,
        wrap=frozenset({4}),
        left=frozenset({0, 1, 4}),
    )


def _detail(feature: Feature) -> str:
    if feature.kind == "levels":
        shown = ", ".join(feature.levels[:4]) + (" …" if len(feature.levels) > 4 else "")
        return shown + (", rarer ones together" if feature.others else "")
    return f"log(1 + x / {feature.unit:g})" if feature.kind == "log" else ""
