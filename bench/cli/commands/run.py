"""`gmvae-bench run`: train, decode, compare."""

from bench.cli import options
from bench.cli.settings import present, run_settings
from bench.cli.state import LOADING, interrupted_before, stage


@options.reads_data
def run(
    data: options.Data = None,
    data_dir: options.DataDir = None,
    reading: options.Given = None,
    holdout: options.Holdout = None,
    components: options.Components = None,
    model_seeds: options.ModelSeeds = None,
    budgets: options.Budgets = None,
    label_seeds: options.LabelSeeds = None,
    methods: options.Methods = None,
    samplers: options.Samplers = None,
    label_noise: options.LabelNoise = None,
    imbalance: options.Imbalance = None,
    unseen: options.Unseen = None,
    objective: options.Objective = None,
    variant: options.Variant = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    latent_dim: options.LatentDim = None,
    encoder_layers: options.EncoderLayers = None,
    decoder_layers: options.DecoderLayers = None,
    set_: options.Set = None,
    log: options.Log = None,
    tensorboard: options.Tensorboard = None,
    config: options.Config = None,
    preset: options.Preset = None,
    out: options.Out = None,
    keep_predictions: options.KeepPredictions = None,
    dry_run: options.DryRun = False,
    retry_failed: options.RetryFailed = False,
    executor: options.ExecutorName = None,
    address: options.Address = None,
    storage: options.Storage = None,
    checkpoint_seconds: options.CheckpointSeconds = None,
    trial_limit: options.TrialLimit = None,
    cell_limit: options.CellLimit = None,
    pack: options.Pack = None,
    cpus_per_trial: options.CpusPerTrial = None,
    gpus_per_trial: options.GpusPerTrial = None,
    device: options.Device = None,
) -> None:
    """Train Gaussian-mixture VAEs without labels, name their clusters with a few, and compare with other few-label learners.

    Without options: scikit-learn's digits, all methods, in a few minutes.

    Repeating a command continues it, trainings from their last checkpoint; more K, seeds, budgets or methods add to it.
    """
    flags = present(
        data=data,
        data_dir=data_dir,
        holdout=holdout,
        components=components,
        model_seeds=model_seeds,
        budgets=budgets,
        label_seeds=label_seeds,
        methods=methods,
        samplers=samplers,
        label_noise=label_noise,
        imbalance=imbalance,
        unseen=unseen,
        keep_predictions=keep_predictions,
        objective=objective,
        variant=variant,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        latent_dim=latent_dim,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        log=log,
        tensorboard=tensorboard,
        executor=executor,
        address=address,
        storage=storage,
        checkpoint_seconds=checkpoint_seconds,
        trial_limit=trial_limit,
        cell_limit=cell_limit,
        pack=pack,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        device=device,
        set=set_,
        **reading or {},
    )
    with interrupted_before("the work"):
        settings = run_settings(flags, config, preset)
        if settings.trackers:
            from bench.store.trackers import check_trackers

            check_trackers(settings.trackers)
        with stage(LOADING, piped=True):
            # Imported late: a wrong option should not wait seconds for torch, scikit-learn and xgboost.
            from bench.cli.running import run_grid

        run_grid(settings, out, dry_run=dry_run, retry_failed=retry_failed)
