"""The options of the command line: one spelling and one explanation, wherever they are used.

All are `None` unless given, so that a configuration file can set what flags leave open; defaults live in `bench.plan`.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import completion
from gmvae.missing import MISSING

Completion = Callable[[str], list[str]]


def _option(
    text: str, panel: str | None = None, form: str | None = None, complete: Completion | None = None
) -> typer.models.OptionInfo:
    """Declare an option; `form` shows what it takes: words to choose from, or what stands for the user's own."""
    info: typer.models.OptionInfo = typer.Option(
        help=text, rich_help_panel=panel, show_default=False, metavar=form, autocompletion=complete
    )
    return info


def _grid(text: str, form: str | None = None, complete: Completion | None = None) -> typer.models.OptionInfo:
    return _option(text, "Grid", form, complete)


def _training(text: str, form: str | None = None, complete: Completion | None = None) -> typer.models.OptionInfo:
    return _option(text, "Training", form, complete)


def _where(text: str, form: str | None = None, complete: Completion | None = None) -> typer.models.OptionInfo:
    return _option(text, "Where it runs", form, complete)


Data = Annotated[
    str | None,
    _option(
        "A name or a file of a kind that `datasets` lists, or a folder of images or of Parquet. (default: digits)",
        form="NAME|FILE|FOLDER",
        complete=completion.data,
    ),
]
DataDir = Annotated[Path | None, _option("Folder of downloaded data. (default: user cache)")]
Holdout = Annotated[
    str | None,
    _option(
        "Held-out items: none (one pool, as in the paper), official, or a fraction. (default: official where files or folders "
        "are called train and test, else none)",
        form="none|official|SHARE",
    ),
]


def _reading(text: str, form: str | None = None, complete: Completion | None = None) -> typer.models.OptionInfo:
    return _option(text, "How the data are read", form, complete)


READING: dict[str, Any] = {
    "label_column": Annotated[
        str | None,
        _reading(
            "Label column of a table; none: there is none. (default: label, class, target or y, in any case)", form="NAME|none"
        ),
    ],
    "id_column": Annotated[
        str | None, _reading("Column that names the items; none: there is none. (default: id and the like)", form="NAME|none")
    ],
    "drop_columns": Annotated[str | None, _reading("Columns that are no features: a,b.", form="NAME,…")],
    "feature_columns": Annotated[
        str | None, _reading("The features; all other columns are left out. (default: all others)", form="NAME,…")
    ],
    "log_columns": Annotated[
        str | None,
        _reading("Columns that are read as logarithms; none: no column. (default: those with a heavy tail)", form="NAME,…|none"),
    ],
    "missing_label": Annotated[
        str | None, _reading(f"Words that mean: no label; an empty cell always does. (default: {MISSING})", form="WORD,…")
    ],
    "x": Annotated[
        str | None, _reading("Array of an .npz file that holds the items. (default: x, x_train, images …)", form="NAME")
    ],
    "y": Annotated[
        str | None, _reading("Array of an .npz file that holds the labels. (default: y, y_train, labels …)", form="NAME")
    ],
    "image_size": Annotated[
        int | None,
        _reading(
            "Side in pixels of images in a folder. (default: as they are up to 96, else 32)",
        ),
    ],
    "color": Annotated[
        str | None,
        _reading("Of images: auto, which keeps colours where there are any, or grey. (default: auto)", form="auto|grey"),
    ],
    "max_items": Annotated[int | None, _reading("Thin the pool to that many items, drawn at random. (default: all)")],
}
"""Options that say how data are read, for `reads_data`."""


Given = dict[str, Any] | None
"""Options of `READING` that were given."""


def reads_data(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `READING` in the place of its parameter `reading`, which takes those that are given."""

    @functools.wraps(command)
    def with_options(**options: Any) -> None:
        given = {name: options.pop(name) for name in READING}
        command(**options, reading={name: value for name, value in given.items() if value is not None})

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name != "reading":
            parameters.append(parameter)
            continue
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in READING.items()
        ]
    # Typer reads both.
    keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    with_options.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in keyword}
    return with_options


Config = Annotated[Path | None, _option("TOML file with these options, except --out and --preset; flags override it.")]
Preset = Annotated[
    str | None, _option("Settings that come with the package, e.g. paper.", form="NAME", complete=completion.presets)
]
Out = Annotated[Path | None, _option("Folder of the run. (default: results/runs/NAME)")]

RunFolder = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False, autocompletion=completion.runs)]
Metric = Annotated[
    str,
    typer.Option(
        help="accuracy, macro_accuracy, accuracy_test or fit_seconds; `table`: also macro_f1, kappa, matthews.",
        metavar="NAME",
        autocompletion=completion.one_of(
            "accuracy", "macro_accuracy", "accuracy_test", "fit_seconds", "macro_f1", "kappa", "matthews"
        ),
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        help="rich, markdown, csv or latex.",
        metavar="rich|markdown|csv|latex",
        autocompletion=completion.one_of("rich", "markdown", "csv", "latex"),
    ),
]
SomeMethods = Annotated[
    str | None,
    typer.Option(
        "--methods",
        help="Only these methods; soft@cluster: only with items of that sampler.",
        metavar="NAME,…",
        autocompletion=completion.methods,
    ),
]
SomeComponents = Annotated[
    str | None,
    typer.Option("--components", help="Only models of these K, and methods without one.", show_default=False, metavar="K,…"),
]
SomeBudgets = Annotated[
    str | None,
    typer.Option("--budgets", help="Only these numbers of labels, e.g. 73,291,7%.", show_default=False, metavar="N|N%,…"),
]
Supervision = Annotated[
    str | None,
    typer.Option(
        help='Only cells with these labels: clean, "noise 0.1", all. (default: clean)', show_default=False, metavar="WORDS"
    ),
]
LabelsOfDraw = Annotated[
    int | None,
    typer.Option(help="Labels of the draw to look at. (default: about three per component)", min=1, show_default=False),
]
Model = Annotated[
    str | None,
    typer.Option(help="Model of the run, e.g. k100-s0. (default: largest K, first seed)", show_default=False, metavar="kK-sSEED"),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        help="CSV with the columns item (or id) and label, or Label Studio's export (.json): what is known so far.",
        show_default=False,
    ),
]

Components = Annotated[str | None, _grid("Values of K, e.g. 50,100. (default: by size of the data, at most 100)", form="K,…")]
ModelSeeds = Annotated[str | None, _grid("Seeds of the models, e.g. 0-2 or 0,5. (default: 0-2)", form="SEED,…|FIRST-LAST")]
Budgets = Annotated[
    str | None,
    _grid(
        "Numbers of labels: counts, per class, percentages, fractions: 73,5/class,7%. (default: 25 … 800)", form="N|N%|N/class,…"
    ),
]
LabelSeeds = Annotated[
    str | None, _grid("How many draws of labels, or their seeds, e.g. 0-4. (default: 5)", form="COUNT|FIRST-LAST")
]
Methods = Annotated[str | None, _grid("Names of `methods`. (default: all)", form="NAME,…", complete=completion.methods)]
Samplers = Annotated[
    str | None,
    _grid(
        "How the items to label are chosen: random,cluster; see `methods`. (default: random)",
        form="NAME,…",
        complete=completion.samplers,
    ),
]
LabelNoise = Annotated[str | None, _grid("Shares of labels that name a wrong class, e.g. 0,0.1. (default: 0)", form="SHARE,…")]
Imbalance = Annotated[
    str | None,
    _grid("How many times as many items of one class can be labelled as of another, e.g. 1,10. (default: 1)", form="FACTOR,…"),
]
Unseen = Annotated[str | None, _grid("Classes of which no item can be labelled, e.g. 0,2. (default: 0)", form="COUNT,…")]

Objective = Annotated[
    str | None,
    _training(
        "bayes (one decode per image), exact (the paper's, one per component) or sampled (a few). (default: bayes)",
        form="bayes|exact|sampled",
        complete=completion.one_of("bayes", "exact", "sampled"),
    ),
]
Variant = Annotated[
    str | None,
    _training(
        "invariance (two augmented views must agree) or plain (the bound alone). (default: invariance)",
        form="invariance|plain",
        complete=completion.one_of("invariance", "plain"),
    ),
]
Epochs = Annotated[int | None, _training("Passes over the data. (default: by size of the data; 450 for exact)")]
BatchSize = Annotated[int | None, _training("Items per step. (default: 256, less for small data; 128 for exact)")]
LearningRate = Annotated[float | None, _training("Peak rate of Adam. (default: 0.003; 0.001 for exact)")]
LatentDim = Annotated[int | None, _training("Dimensions of z. (default: 16; 100 for exact)")]
EncoderLayers = Annotated[str | None, _training("Hidden widths. (default: 512,512; the paper's for exact)", form="WIDTH,…")]
DecoderLayers = Annotated[str | None, _training("Hidden widths. (default: 512,512; the paper's for exact)", form="WIDTH,…")]


def _search(text: str, form: str | None = None, complete: Completion | None = None) -> typer.models.OptionInfo:
    return _option(text, "Search", form, complete)


Criterion = Annotated[
    str | None,
    _search(
        "What to search by: invariance, elbo or stability (no labels), accuracy@N (N labels), oracle-accuracy@N (all: an upper "
        "bound), seconds. Two make a Pareto front. (default: invariance)",
        form="NAME|NAME@N,…",
    ),
]
Watch = Annotated[str | None, _search("Criteria to measure at the end of every trial without searching by them.", form="NAME,…")]
Trials = Annotated[int | None, _search("Trials that the study should have in total. (default: 30)")]
SpaceFlag = Annotated[
    list[str] | None,
    _search(
        "A parameter to search: latent_dim=int(5,64,log), float(a,b), choice(a,b); repeatable. (default: the chief ones)",
        form="NAME=RANGE",
    ),
]
Algorithm = Annotated[
    str | None,
    _search(
        "tpe, random, gp, cma-es or nsga-ii. (default: tpe)",
        form="tpe|random|gp|cma-es|nsga-ii",
        complete=completion.one_of("tpe", "random", "gp", "cma-es", "nsga-ii"),
    ),
]
Pruning = Annotated[
    str | None,
    _search(
        "asha, which stops weak trials early, or none. (default: asha)",
        form="asha|none",
        complete=completion.one_of("asha", "none"),
    ),
]
SearchSeed = Annotated[int | None, _search("Seed of the sampling. (default: 0)")]
LabelSeed = Annotated[int | None, _search("The draw of labels that accuracy@N sees. (default: 0)")]
Study = Annotated[str | None, _search("Name of the Optuna study. (default: gmvae-bench)", form="NAME")]
StudyStorage = Annotated[
    str | None, _search("Optuna's storage: sqlite:///FILE, postgresql://… (default: a journal in --out)", form="URL")
]
Workers = Annotated[int | None, _search("Trials at once. (default: as many as there are CPUs or GPUs for)")]
# An old spelling: `search` once used --objective for the criterion.
OldObjective = Annotated[str | None, typer.Option("--training-objective", hidden=True, show_default=False)]

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Another field of the training, e.g. contrast=0; repeatable, named in records.",
        rich_help_panel="Training",
        show_default=False,
        metavar="FIELD=VALUE",
    ),
]
Log = Annotated[
    str | None,
    _option(
        "Also send epochs and scores to a tracker that is installed: mlflow,wandb,trackio,tensorboard.",
        form="NAME,…",
        complete=completion.trackers,
    ),
]
Tensorboard = Annotated[bool | None, _training("The same as --log tensorboard.")]

KeepPredictions = Annotated[
    bool | None,
    typer.Option(
        "--keep-predictions",
        help="Keep what every method says of every item, for `table --metric macro_f1` and the like.",
        show_default=False,
    ),
]

ExecutorName = Annotated[
    str | None,
    _where(
        "ray, or serial: the same in one process. (default: ray)", form="ray|serial", complete=completion.one_of("ray", "serial")
    ),
]
Address = Annotated[
    str | None,
    _where(
        "local, auto or HOST:PORT of a Ray cluster. (default: local)",
        form="local|auto|HOST:PORT",
        complete=completion.one_of("local", "auto"),
    ),
]
Storage = Annotated[
    str | None,
    _where(
        "Where trainings keep checkpoints: a folder all nodes share, or s3://…. (default: the run's folder)", form="FOLDER|URL"
    ),
]
CheckpointSeconds = Annotated[
    float | None, _where("Seconds between the checkpoints of a training, kept after an epoch. (default: 10)")
]
TrialLimit = Annotated[float | None, _where("Seconds that one attempt at a training may take; then it fails. (default: none)")]
CellLimit = Annotated[float | None, _where("Seconds that a cell may take; then it fails. (default: none)")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Also run again what failed before.", show_default=False)]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would run, what is done, and about how long it takes.", show_default=False)
]
Pack = Annotated[
    str | None,
    _where(
        "Models that train side by side at most: auto, as many as pay, or N. (default: auto)",
        form="auto|N",
        complete=completion.one_of("auto", "1"),
    ),
]
TrialPack = Annotated[
    str | None,
    _where(
        "Trials of equal shape that train side by side at most: auto, on a GPU some, or N. (default: auto)",
        form="auto|N",
        complete=completion.one_of("auto", "1"),
    ),
]
CpusPerTrial = Annotated[float | None, _where("CPUs, and threads, of a training. (default: 1)")]
GpusPerTrial = Annotated[float | None, _where("GPUs of a training; fractions share one. (default: 1 where there are any)")]
Device = Annotated[
    str | None,
    _where(
        "auto, cpu, cuda or mps. (default: auto)",
        form="auto|cpu|cuda|mps",
        complete=completion.one_of("auto", "cpu", "cuda", "mps"),
    ),
]
