"""The live display and the tables of a search, on a console of fixed width."""

import io

from rich.console import Console

from bench.engine.desk import Report
from bench.search.display import SearchDisplay
from bench.search.figures import agreement_figure, front_figure, history_figure
from bench.search.tables import ParameterRow, TrialRow, correlations_grid, parameters_grid, trials_grid
from bench.search.trial import TrialJob
from bench.show.grid import render_grid
from bench.stats.rank_correlation import RankCorrelation, rank_correlation
from gmvae.config import ModelConfig, TrainingConfig


def text(renderable: object, width: int = 90) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def job(number: int) -> TrialJob:
    parameters: dict[str, bool | int | float | str] = {"latent_dim": 7, "learning_rate": 0.00123456}
    return TrialJob(number, parameters, ModelConfig(n_features=4), TrainingConfig(), "soft", 0, (2, 8), "cpu", 1, 0)


def test_the_display_shows_best_running_pruned_and_time() -> None:
    display = SearchDisplay(Console(file=io.StringIO(), width=90), 10, {"complete": 1}, -5.0, maximize=True)
    lines = text(display._render())
    assert lines[0].startswith("trials 1/10: 1 complete, 0 pruned, 0 failed")
    assert lines[1] == "best so far: -5"
    for number in (1, 2, 3):
        display.trial_started(job(number))
    display.trial_reported(1, Report(8, {"elbo": -4.25}, 1.0, final=True))
    display.trial_ended(1, "complete")
    display.trial_reported(2, Report(2, {"elbo": -9.5}, 1.0))
    display.trial_ended(2, "pruned")
    display.trial_reported(3, Report(2, {"elbo": -3.125}, 1.0))
    lines = text(display._render())
    assert lines[0].startswith("trials 3/10: 2 complete, 1 pruned, 0 failed")
    assert "left" in lines[0]
    # What a running trial has reached on the way is not the best of anything.
    assert lines[1] == "best so far: -4.25 (trial 1)"
    assert lines[3].split()[:4] == ["trial", "3", "2/8", "-3.125"]
    assert lines[3].endswith("latent_dim=7, learning_rate=0.001235")
    assert display._line().endswith("left: trials 3/10: 2 complete, 1 pruned, 0 failed; best so far -4.25 (trial 1)")


def test_a_smaller_time_is_better() -> None:
    display = SearchDisplay(Console(file=io.StringIO()), 10, {}, 3.0, maximize=False)
    for number, seconds in ((1, 4.0), (2, 2.0)):
        display.trial_started(job(number))
        display.trial_reported(number, Report(8, {"seconds": seconds}, seconds, final=True))
        display.trial_ended(number, "complete")
    assert text(display._render())[1] == "best so far: 2 (trial 2)"


def test_parameters_beside_their_defaults() -> None:
    rows = [
        ParameterRow("latent_dim", "int(5,64,log)", 16, 9, 0.75),
        ParameterRow("encoder_layers", "choice(64,128)", "512,512", 128, None),
    ]
    assert text(render_grid(parameters_grid("T", rows, "trial 3", ["chosen with 0 labels"])))[:5] == [
        "T",
        "chosen with 0 labels",
        "parameter        searched         default   trial 3   importance",
        "────────────────────────────────────────────────────────────────",
        "latent_dim       int(5,64,log)         16         9         75 %",
    ]


def test_trials_and_their_numbers() -> None:
    rows = [TrialRow(3, (-1.23456, 0.5), 8, 65.0, (9,)), TrialRow(4, (None, None), None, None, (None,))]
    grid = trials_grid("T", ["elbo", "invariance"], ["latent_dim"], rows, [])
    assert text(render_grid(grid))[3:] == [
        "3       -1.235          0.5        8   1 min 05 s            9",
        "4            -            -        -            -            -",
    ]
    assert grid.data[0] == (
        "trial",
        "state",
        "elbo",
        "invariance",
        "epochs",
        "seconds",
        "params_latent_dim",
        "selection",
        "labels_read",
    )
    assert grid.data[1] == (3, "complete", -1.23456, 0.5, 8, 65.0, 9, "", None)


def test_correlations_say_their_interval() -> None:
    grid = correlations_grid([("elbo", "oracle-accuracy@73", RankCorrelation(0.5, 0.1, 0.8, 20))])
    assert grid.rows == (("elbo", "oracle-accuracy@73", "+0.50\n+0.10 to +0.80", "20"),)


def test_figures_draw_what_they_are_given() -> None:
    history = history_figure("elbo", {0: -50.0, 2: -40.0, 3: -45.0}, {1: -9000.0}, maximize=True).axes[0]
    assert history.get_ylim()[0] > -60
    assert history.lines[2].get_ydata().tolist() == [-49.0, -40.0, -40.0]  # type: ignore[union-attr]
    assert history.lines[0].get_xdata() == [1]
    empty = history_figure("elbo", {}, {}, maximize=True)
    assert len(empty.axes) == 1
    front = front_figure(("accuracy", "seconds"), [(0.5, 9.0)], {4: (0.8, 5.0), 7: (0.7, 2.0)}).axes[0]
    assert [label.get_text() for label in front.texts] == ["7", "4"]
    rho = rank_correlation([1, 2, 3], [1, 2, 3])
    assert rho is not None
    pairs = [("elbo", name, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], rho) for name in "abcd"]
    shown = [axes for axes in agreement_figure(pairs).axes if axes.get_visible()]
    assert len(shown) == 4
