"""gmvae-bench for Python: runs, suites and classifiers as objects.

    import gmvae_bench as gb

    run = gb.run("digits", components=40, epochs=10)
    run.table()
    run.plot()
    picks = gb.select(run, 60, audit=40)        # fill in picks["label"]
    labelled = gb.label(run, picks)
    labelled.classifier().predict(new_items)

Importing this package is cheap; what a name needs is loaded when it is first used. See docs/python.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api.labelling import Labelled, label, select
    from bench.api.runs import Run, load, run
    from bench.api.suites import Suite
    from bench.classifier.classifier import Classifier
    from bench.classifier.predict import predict_file
    from bench.errors import BenchError, ClusterError, DataError, SettingsError, StoreError
    from gmvae import GMVAE, ClusterLabelClassifier

    __version__: str

_HOME = {
    **dict.fromkeys(("Run", "load", "run"), "bench.api.runs"),
    **dict.fromkeys(("Labelled", "label", "select"), "bench.api.labelling"),
    "Suite": "bench.api.suites",
    "Classifier": "bench.classifier.classifier",
    "predict_file": "bench.classifier.predict",
    **dict.fromkeys(("BenchError", "ClusterError", "DataError", "SettingsError", "StoreError"), "bench.errors"),
    **dict.fromkeys(("GMVAE", "ClusterLabelClassifier"), "gmvae"),
}

__all__ = [
    "GMVAE",
    "BenchError",
    "Classifier",
    "ClusterError",
    "ClusterLabelClassifier",
    "DataError",
    "Labelled",
    "Run",
    "SettingsError",
    "StoreError",
    "Suite",
    "label",
    "load",
    "predict_file",
    "run",
    "select",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from bench.store.sources import package_version

        return package_version()
    if name not in _HOME:
        raise AttributeError(f"module 'gmvae_bench' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
