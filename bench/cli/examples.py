"""`EXAMPLES`: two uses of every command, as its `--help` shows them."""

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, str]] = {
    "run": ("gmvae-bench run --data scans.npz --budgets 50,100,200", "gmvae-bench run --methods soft,hard,xgboost --dry-run"),
    "suite list": ("gmvae-bench suite list", "gmvae-bench suite list --format markdown"),
    "suite run": ("gmvae-bench suite run embedded", "gmvae-bench suite run mine.toml --draws 5 --out results/suites/mine"),
    "suite status": ("gmvae-bench suite status DIR", "gmvae-bench suite status DIR --format csv"),
    "suite table": ("gmvae-bench suite table DIR", "gmvae-bench suite table DIR --show pairs --reference xgboost"),
    "suite report": ("gmvae-bench suite report DIR", "gmvae-bench suite report DIR --methods soft,xgboost --out page.html"),
    "suite leaderboard": ("gmvae-bench suite leaderboard DIR", "gmvae-bench suite leaderboard DIR --out board"),
    "search": ("gmvae-bench search --data scans.npz --trials 40", "gmvae-bench search --criterion accuracy@100,seconds"),
    "status": ("gmvae-bench status RUN", "gmvae-bench status RUN --format csv"),
    "watch": ("gmvae-bench watch RUN", "gmvae-bench watch RUN --port 8100"),
    "table": ("gmvae-bench table RUN --target 0.9", "gmvae-bench table RUN --reference hard --format markdown"),
    "compare": ("gmvae-bench compare RUN OTHER", "gmvae-bench compare RUN OTHER --methods soft,xgboost"),
    "merge": ("gmvae-bench merge RUN OTHER --out BOTH", "gmvae-bench merge SUITE OTHERSUITE --out BOTH"),
    "claims": ("gmvae-bench claims RUN", "gmvae-bench claims RUN --format markdown"),
    "plot": ("gmvae-bench plot RUN", "gmvae-bench plot RUN --figures label-efficiency,confusion --width 3.3"),
    "explain": ("gmvae-bench explain RUN", "gmvae-bench explain RUN --sample 7 --out item.png"),
    "report": ("gmvae-bench report RUN", "gmvae-bench report RUN --methods soft,hard,xgboost --out page.html"),
    "export": ("gmvae-bench export RUN published/digits", "gmvae-bench export SUITE published/seven --data-dir DIR"),
    "coverage": ("gmvae-bench coverage RUN", "gmvae-bench coverage --components 100 --n 145600"),
    "select": ("gmvae-bench select --data scans --n 100 --audit 50", "gmvae-bench select RUN --labels labels.csv --n 50"),
    "label": (
        "gmvae-bench label RUN --labels labels.csv",
        "gmvae-bench label RUN --labels labels.csv --method soft --classifier mine",
    ),
    "predict": ("gmvae-bench predict mine newscans", "gmvae-bench predict mine new.csv --out classes.csv --abstain 0.8"),
    "serve": ("gmvae-bench serve mine", "gmvae-bench serve mine --port 8100 --replicas 2"),
    "recommend": ("gmvae-bench recommend RUN --labels labels.csv", "gmvae-bench recommend RUN --target 0.9"),
    "embed": (
        "gmvae-bench embed photos --model resnet18 --out vectors.npz",
        "gmvae-bench embed texts.csv --model all-MiniLM-L6-v2 --text-column title --out vectors.npz",
    ),
    "speed": ("gmvae-bench speed", "gmvae-bench speed --n 100000 --components 100 --device cuda"),
    "methods": ("gmvae-bench methods", "gmvae-bench methods | grep latent"),
    "datasets": ("gmvae-bench datasets", "gmvae-bench datasets describe scans.csv --label-column diagnosis"),
}
"""By command. What stands in capitals is the user's."""
