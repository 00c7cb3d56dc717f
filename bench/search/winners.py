"""The winners of a search, written as configurations that `gmvae-bench run --config` runs."""

from pathlib import Path

import tomli_w
from optuna.trial import FrozenTrial

from bench.plan.selection import is_oracle
from bench.plan.settings import READING, RunSettings
from bench.search.plan import SearchPlan
from bench.search.settings import configured
from bench.search.study import Study
from bench.store.atomic import write_text
from bench.store.folder import BEST

# Settings of a run that belong in the configuration of a winner.
_KEPT = (
    *("data", "data_dir", *READING, "holdout", "components", "objective", "variant", "epochs", "batch_size"),
    *("learning_rate", "latent_dim", "encoder_layers", "decoder_layers", "set", "methods"),
)


def best_trials(study: Study) -> list[FrozenTrial]:
    """Return the best trial or, of two criteria, the Pareto front, the best of the first one first."""
    best: list[FrozenTrial] = study.optuna.best_trials
    upwards = study.optuna.directions[0].name == "MAXIMIZE"
    ordered = sorted(best, key=lambda trial: (-trial.values[0] if upwards else trial.values[0], trial.number))
    return ordered if len(study.optuna.directions) > 1 else ordered[:1]


def write_winners(plan: SearchPlan, study: Study, folder: Path) -> list[Path]:
    """Write a configuration that `gmvae-bench run --config` runs: of the best trial, and of each on a Pareto front."""
    best = best_trials(study)
    winners = {folder / BEST: best[0]} if best else {}
    if len(plan.criteria) > 1:
        winners |= {folder / f"front-{trial.number}.toml": trial for trial in best}
    for path in set(folder.glob("front-*.toml")) - set(winners):
        path.unlink()
    for path, trial in winners.items():
        write_text(path, _winner(plan, trial))
    return list(winners)


def _winner(plan: SearchPlan, trial: FrozenTrial) -> str:
    settings, model, _ = configured(plan.settings, trial.params, plan.dataset)
    said = {name for name in READING if getattr(settings, name) != RunSettings.model_fields[name].default}
    kept = {
        name: value
        for name, value in settings.model_dump(mode="json").items()
        if name in _KEPT and value not in (None, {}) and (name in said or name not in READING)
    }
    kept |= {"components": [model.n_components], "epochs": plan.training.epochs}
    kept |= {"selected_by": plan.selected_by, "selection_labels": plan.label_cost}
    reached = ", ".join(f"{criterion.name} {value:.6g}" for criterion, value in zip(plan.criteria, trial.values, strict=True))
    head = [
        f"# Trial {trial.number} of a search by {plan.selected_by}, which read {plan.label_cost:,} labels: {reached}.",
        *(
            ["# The search read labels that a user would not have: what comes of it is an upper bound, not a result."]
            * is_oracle(plan.selected_by)
        ),
        "# gmvae-bench run --config THIS_FILE",
    ]
    return "\n".join(head) + "\n" + tomli_w.dumps(kept)
