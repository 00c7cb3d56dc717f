"""`gmvae-bench search`: find a good configuration, and say how many labels that took."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.output import check_format
from bench.cli.settings import present
from bench.cli.state import LOADING, interrupted_before, stage


@options.reads_data
def search(
    data: options.Data = None,
    data_dir: options.DataDir = None,
    reading: options.Given = None,
    criterion: options.Criterion = None,
    watch: options.Watch = None,
    trials: options.Trials = None,
    space: options.SpaceFlag = None,
    algorithm: options.Algorithm = None,
    pruning: options.Pruning = None,
    search_seed: options.SearchSeed = None,
    label_seed: options.LabelSeed = None,
    study: options.Study = None,
    study_storage: options.StudyStorage = None,
    workers: options.Workers = None,
    components: options.Components = None,
    model_seed: Annotated[
        int | None,
        typer.Option(help="Seed of every trial's model. (default: 0)", min=0, rich_help_panel="Training", show_default=False),
    ] = None,
    objective: options.Objective = None,
    training_objective: options.OldObjective = None,
    variant: options.Variant = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    latent_dim: options.LatentDim = None,
    encoder_layers: options.EncoderLayers = None,
    decoder_layers: options.DecoderLayers = None,
    set_: options.Set = None,
    config: options.Config = None,
    preset: options.Preset = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the search. (default: results/searches/NAME)", show_default=False)
    ] = None,
    format_: options.Format = "rich",
    executor: options.ExecutorName = None,
    address: options.Address = None,
    storage: options.Storage = None,
    checkpoint_seconds: options.CheckpointSeconds = None,
    trial_limit: options.TrialLimit = None,
    pack: options.TrialPack = None,
    cpus_per_trial: options.CpusPerTrial = None,
    gpus_per_trial: options.GpusPerTrial = None,
    device: options.Device = None,
) -> None:
    """Search for a good configuration with Optuna, by a criterion that says what it costs in labels.

    Writes best.toml, which `run --config` runs as is. Repeating a command continues it; a larger --trials adds to it.
    """
    check_format(format_)
    of_search = present(
        criterion=criterion,
        watch=watch,
        trials=trials,
        space=space,
        algorithm=algorithm,
        pruning=pruning,
        search_seed=search_seed,
        label_seed=label_seed,
        study=study,
        study_storage=study_storage,
        workers=workers,
    )
    flags = present(
        data=data,
        data_dir=data_dir,
        components=components,
        model_seeds=None if model_seed is None else (model_seed,),
        objective=objective,
        variant=variant,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        latent_dim=latent_dim,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        set=set_,
        executor=executor,
        address=address,
        storage=storage,
        checkpoint_seconds=checkpoint_seconds,
        trial_limit=trial_limit,
        pack=pack,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        device=device,
        **reading or {},
    )
    with interrupted_before("the search"):
        with stage(LOADING, piped=True):
            # Imported late: a wrong option should not wait seconds for them.
            from bench.cli.searching import search_configurations, search_settings

        search_configurations(*search_settings(flags, of_search, training_objective, config, preset), out, format_)
