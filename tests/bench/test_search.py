"""Searches from end to end in this process: what they try, what they leave behind, and what is refused."""

import json
import math
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from bench.cli.searching import search_settings
from bench.data.dataset import Dataset
from bench.engine.desk import Report
from bench.plan.settings import make_settings
from bench.search import trial
from bench.search.criteria import Criterion
from bench.search.desk import SearchListener, StudyDesk
from bench.search.settings import Algorithm, SearchSettings, default_parameters, searched_space
from bench.search.space import SEARCHABLE, Domain, Value, make_space
from bench.search.study import Study, open_study
from bench.search.trial import Exam, TrialJob
from bench.store.storage import Storage
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.training import Member

Command = Callable[..., tuple[int, str, str]]
SMALL = [
    "search", "--executor", "serial", "--criterion", "elbo", "--epochs", "4", "--components", "10",
    "--encoder-layers", "16", "--decoder-layers", "16",
    "--space", "latent_dim=int(2,8)", "--space", "learning_rate=float(1e-3,1e-2,log)",
]  # fmt: skip


# The others are about what a search does with what trials report, whoever trains them.
REAL = (
    "test_a_search_leaves_a_study_a_winner_and_figures",
    "test_the_winner_runs_as_it_is_and_says_how_it_was_chosen",
    "test_a_search_from_a_winner_carries_what_that_cost",
)


class FakePack:
    """Trains in no time. What it reaches follows from its settings, and rises with every epoch."""

    def __init__(self, _: np.ndarray, members: Sequence[Member], training: TrainingConfig, **__: object) -> None:
        self.model, self.training = members[0].config, training
        self.epoch, self.spent = 0, 0.0
        self.errors: dict[int, Exception] = {}

    def run_epoch(self) -> None:
        if self.training.learning_rate > 1:
            self.errors[0] = FloatingPointError("the loss became nan")
        self.epoch += 1
        self.spent += 0.01 * self.model.latent_dim

    @property
    def quality(self) -> float:
        """Between 0 and 1; best for a latent dimension of 5 and a learning rate of 0.004."""
        miss = abs(math.log(self.training.learning_rate / 0.004)) + 0.2 * abs(self.model.latent_dim - 5)
        return math.exp(-miss) * (1 - 0.5**self.epoch)


def fake_measure(_: TrialJob, exam: Exam, trainings: Sequence[Any], *, final: bool) -> Report:
    pack = trainings[0].pack

    def values(criteria: Sequence[Criterion]) -> dict[str, float]:
        return {one.name: pack.spent if one.name == "seconds" else pack.quality for one in criteria}

    return Report(pack.epoch, values(exam.criteria), pack.spent, values(exam.watched) if final else {}, final)


@pytest.fixture(autouse=True)
def fast_trials(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.originalname not in REAL:
        monkeypatch.setattr(trial, "Pack", FakePack)
        monkeypatch.setattr(trial, "_measure", fake_measure)


def trials(folder: Path, name: str = "gmvae-bench") -> list[FrozenTrial]:
    """The study, as Optuna's own function loads it."""
    storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
    return optuna.load_study(study_name=name, storage=storage).trials


def values(trial: FrozenTrial) -> list[float] | None:
    return trial.values  # noqa: PD011 - Optuna's, not pandas'


def essence(found: list[FrozenTrial]) -> list[tuple[object, ...]]:
    """What must be the same in searches of one seed: all but times and names."""
    return [(trial.number, trial.state, trial.params, values(trial), trial.intermediate_values) for trial in found]


@pytest.mark.slow
def test_a_search_leaves_a_study_a_winner_and_figures(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    code, output, _ = command(*SMALL, "--trials", "12", "--watch", "invariance,oracle-accuracy@50", "--out", str(folder))
    assert code == 0
    found = trials(folder)
    assert len(found) == 12
    assert all(trial.state.is_finished() for trial in found)
    complete = [trial for trial in found if trial.state == TrialState.COMPLETE]
    best = max(complete, key=lambda trial: trial.value)
    assert "Trial" not in output
    assert f"trial {best.number}" in output
    assert "chosen with 0 labels" in output
    assert "an upper bound" in " ".join(output.split())
    assert all({"seconds", "watched", "labels_read", "selection"} <= set(trial.user_attrs) for trial in complete)
    assert all(set(trial.user_attrs["watched"]) == {"invariance", "oracle-accuracy@50"} for trial in complete)
    winner = tomllib.loads((folder / "best.toml").read_text())
    assert winner["latent_dim"] == best.params["latent_dim"]
    assert winner["learning_rate"] == pytest.approx(best.params["learning_rate"])
    assert (winner["selected_by"], winner["selection_labels"]) == ("elbo", 0)
    assert {path.name for path in (folder / "figures").glob("*.png")} >= {"history.png", "agreement.png"}
    assert {path.name for path in folder.iterdir()} == {
        *(".lock", "best.toml", "config.json", "dataset.json", "environment.json", "figures", "study.journal"),
    }


def test_the_winner_runs_as_it_is_and_says_how_it_was_chosen(command: Command, tmp_path: Path) -> None:
    folder, run = tmp_path / "search", tmp_path / "run"
    criterion = ["--criterion", "oracle-accuracy@50", "--space", "decoding=choice(soft,soft-bayes)"]
    assert command(*SMALL, *criterion, "--trials", "3", "--out", str(folder))[0] == 0
    assert "an upper bound, not a result" in (folder / "best.toml").read_text()
    options = ["--config", str(folder / "best.toml"), "--executor", "serial", "--model-seeds", "0", "--label-seeds", "2"]
    options += ["--methods", "soft,knn", "--budgets", "50", "--out", str(run)]
    code, output, _ = command("run", *options)
    assert code == 0
    assert "soft (oracle)" in output
    assert "which read 1,797 labels: an upper bound, not a result" in " ".join(output.split())
    records = pd.read_parquet(run / "records.parquet").set_index("method")
    assert set(records.loc[["soft"], "selection"]) == {"oracle-accuracy@50"}
    assert set(records.loc[["soft"], "selection_labels"]) == {1797}
    assert records.loc[["knn"], ["selection", "selection_labels"]].isna().all(axis=None)
    csv = command("table", str(run), "--format", "csv")[1]
    assert "oracle-accuracy@50,1797" in csv
    # The same settings, given and not chosen, are another run.
    given = tmp_path / "given.toml"
    given.write_text("\n".join(line for line in (folder / "best.toml").read_text().splitlines() if "select" not in line))
    code, _, messages = command("run", "--config", str(given), *options[2:])
    assert code == 2
    assert "selected_by: oracle-accuracy@50 there, None asked" in messages


def test_one_seed_one_search_and_continuing_changes_nothing(command: Command, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    command(*SMALL, "--trials", "8", "--out", str(whole))
    command(*SMALL, "--trials", "3", "--out", str(parts))
    assert len(trials(parts)) == 3
    command(*SMALL, "--trials", "8", "--out", str(parts))
    assert essence(trials(parts)) == essence(trials(whole))
    other = tmp_path / "other"
    command(*SMALL, "--trials", "8", "--search-seed", "1", "--out", str(other))
    assert essence(trials(other)) != essence(trials(whole))
    code, _, messages = command(*SMALL, "--trials", "8", "--out", str(whole))
    assert code == 0
    assert "nothing to run" in messages


@pytest.mark.parametrize("algorithm", ["random", "gp", "cma-es", "nsga-ii"])
def test_every_algorithm_searches(command: Command, tmp_path: Path, algorithm: str) -> None:
    folder = tmp_path / "search"
    assert command(*SMALL, "--algorithm", algorithm, "--pruning", "none", "--trials", "4", "--out", str(folder))[0] == 0
    assert [trial.state for trial in trials(folder)] == [TrialState.COMPLETE] * 4


def test_a_journal_that_was_cut_short_is_gone_on_with(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    command(*SMALL, "--trials", "3", "--out", str(folder))
    journal = folder / "study.journal"
    whole = essence(trials(folder))
    # A power cut in the middle of the last record, which told that the third trial is complete.
    journal.write_bytes(journal.read_bytes()[:-20])
    code, _, messages = command(*SMALL, "--trials", "4", "--out", str(folder))
    assert code == 0
    assert "resuming 1 interrupted trial" in messages
    assert essence(trials(folder))[:3] == whole


def test_a_damaged_journal_is_named(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    command(*SMALL, "--trials", "1", "--out", str(folder))
    journal = folder / "study.journal"
    journal.write_bytes(b"{broken\n" + journal.read_bytes())
    code, _, messages = command(*SMALL, "--trials", "2", "--out", str(folder))
    assert code == 2
    assert "study.journal cannot be used" in messages


def test_two_criteria_make_a_front(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    options = ["--criterion", "accuracy@60,seconds", "--trials", "6", "--out", str(folder)]
    code, output, _ = command(*SMALL, *options)
    assert code == 0
    found = trials(folder)
    assert "Pareto front" in output
    reached = {trial.number: values(trial) for trial in found}
    beaten = {
        one
        for one, (accuracy, seconds) in reached.items()
        for other in reached.values()
        if other[0] >= accuracy and other[1] <= seconds and other != [accuracy, seconds]
    }
    front = {int(path.stem.partition("-")[2]) for path in folder.glob("front-*.toml")}
    assert front == set(reached) - beaten
    assert (folder / "figures" / "front.png").exists()
    assert tomllib.loads((folder / "best.toml").read_text())["selection_labels"] == 60


def test_asha_stops_weak_trials_at_its_rungs(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    command(*SMALL, "--epochs", "8", "--trials", "14", "--out", str(folder))
    found = trials(folder)
    pruned = [trial for trial in found if trial.state == TrialState.PRUNED]
    assert pruned
    assert all(trial.last_step == 4 for trial in pruned)
    assert all(trial.number >= 4 for trial in pruned)
    assert all(sorted(trial.intermediate_values) == [4, 8] for trial in found if trial.state == TrialState.COMPLETE)


def opened_study(folder: Path, space: dict[str, Domain], owner: str, algorithm: Algorithm = "tpe") -> Study:
    place, directions = folder / "study.journal", {"elbo": "maximize"}
    return open_study(place, "s", {}, space, directions, owner=owner, algorithm=algorithm, search_seed=0)


def test_trials_that_fail_or_have_no_number_are_told_so(tmp_path: Path) -> None:
    space = make_space({"latent_dim": "int(2,8)"})
    study = opened_study(tmp_path, space, "me")

    def job(number: int, parameters: object) -> TrialJob:
        assert isinstance(parameters, dict)
        return TrialJob(number, parameters, ModelConfig(n_features=3), TrainingConfig(), "soft", 0, (4,), "cpu", 1, 0)

    heard: list[str] = []

    class Ear(SearchListener):
        def trial_ended(self, number: int, state: str) -> None:  # noqa: ARG002
            heard.append(state)

    desk = StudyDesk(study, job, 4, Storage(str(tmp_path / "checkpoints")), Ear(), {"labels_read": 0})
    numbers = []
    while jobs := desk.next():
        (taken,) = jobs
        numbers.append(taken.number)
        if taken.number == 0:
            desk.hear(0, Report(4, {"elbo": math.nan}, 1.0, final=True))
        elif taken.number == 1:
            desk.fail(1, "TrainingDivergedError: the loss became nan")
        else:
            desk.hear(taken.number, Report(4, {"elbo": -1.0}, 1.0, final=True))
    assert numbers == [0, 1, 2, 3]
    assert [trial.state.name for trial in trials(tmp_path, "s")] == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert trials(tmp_path, "s")[0].user_attrs["error"] == "the criterion is nan after epoch 4"
    assert heard == ["failed", "failed", "complete", "complete"]


def test_failed_trials_end_the_command_with_one(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    # So large a rate makes the loss infinite, or no number, in some trials.
    options = [*SMALL[:-1], "learning_rate=float(1e-3,1e20,log)", "--trials", "6", "--out", str(folder)]
    code, _, messages = command(*options)
    assert code == 1
    assert "trials failed" in messages
    states = {trial.state for trial in trials(folder)}
    assert TrialState.FAIL in states
    assert TrialState.RUNNING not in states


def test_a_trial_that_was_interrupted_is_gone_on_with_by_its_owner_alone(tmp_path: Path) -> None:
    space = make_space({"latent_dim": "int(2,8)", "learning_rate": "float(0.1,1)"})

    first = opened_study(tmp_path, space, "a").take(10)
    assert first is not None
    again = opened_study(tmp_path, space, "a")
    assert again.n_interrupted == 1
    assert again.take(10) == first
    second = opened_study(tmp_path, space, "b").take(10)
    assert second is not None
    assert second[0] == 1


@pytest.mark.parametrize("algorithm", ["tpe", "gp", "cma-es", "nsga-ii"])
def test_a_sampler_that_learns_goes_on_as_if_nothing_had_been(tmp_path: Path, algorithm: Algorithm) -> None:
    space = make_space({"latent_dim": "int(2,64,log)", "learning_rate": "float(0.001,1,log)"})
    n_trials = 18 if algorithm in ("tpe", "gp") else 44

    def searched(folder: Path, ends_every: int) -> list[dict[str, object]]:
        folder.mkdir()
        study = opened_study(folder, space, "me", algorithm)
        for step in range(10 * n_trials):
            taken = study.take(n_trials)
            if taken is None:
                return [dict(trial.params) for trial in study.trials]
            if step % ends_every == ends_every - 1:
                # The process dies after it was given the trial.
                study = opened_study(folder, space, "me", algorithm)
                continue
            number, parameters = taken
            value = -((np.log(parameters["learning_rate"]) + 6) ** 2) - np.log(parameters["latent_dim"] / 50) ** 2
            study.finish(number, "complete", [float(value)])
        raise AssertionError

    whole = searched(tmp_path / "whole", 10**6)
    assert searched(tmp_path / "parts", 3) == whole
    if algorithm != "nsga-ii":
        # It is no random sampler: the later half is nearer to the best place than the first.
        far = [abs(np.log(found["learning_rate"]) + 6) for found in whole]
        assert np.mean(far[n_trials // 2 :]) < np.mean(far[: n_trials // 2])


def test_ashas_verdict_is_the_same_when_it_is_asked_again(tmp_path: Path) -> None:
    space = make_space({"latent_dim": "int(2,64,log)"})
    study = opened_study(tmp_path, space, "me")
    for number, value in enumerate((5.0, 4.0, 3.0, 2.0)):
        assert study.take(9) is not None
        # The first four are never stopped.
        assert not study.report(number, 2, value, ask=True)
        study.finish(number, "complete", [value])
    assert study.take(9) is not None
    assert study.report(4, 2, 1.0, ask=True)
    # Killed between the verdict and its record.
    again = opened_study(tmp_path, space, "me")
    assert again.take(9) is not None
    assert again.report(4, 2, 1.0, ask=True)
    again.finish(4, "pruned")
    assert again.take(9) is not None
    assert not again.report(5, 2, 4.5, ask=True)


def test_trials_of_others_do_not_count(tmp_path: Path) -> None:
    space = make_space({"latent_dim": "int(2,64,log)"})
    assert opened_study(tmp_path, space, "lost").take(2) is not None
    study = opened_study(tmp_path, space, "me")
    assert study.n_elsewhere == 1
    taken = [study.take(2), study.take(2), study.take(2)]
    assert [found is not None for found in taken] == [True, True, False]
    assert study.n_open == 2


def test_fewer_trials_than_were_interrupted(tmp_path: Path) -> None:
    space = make_space({"latent_dim": "int(2,64,log)"})
    first = opened_study(tmp_path, space, "me")
    first.take(5)
    first.take(5)
    desk = StudyDesk(opened_study(tmp_path, space, "me"), lambda *_: None, 1, Storage(str(tmp_path)), SearchListener(), {})  # type: ignore[arg-type,return-value]
    assert desk.n_left == 2


def test_a_study_that_cannot_be_written_to_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = opened_study(tmp_path, make_space({"latent_dim": "int(2,64,log)"}), "me")
    desk = StudyDesk(study, shaped_job, 5, Storage(str(tmp_path)), SearchListener(), {})
    assert [job.number for job in desk.next()] == [0]

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(optuna.Study, "tell", full)
    assert desk.hear(0, Report(4, {"elbo": 1.0}, 1.0, final=True))
    assert "No space left on device" in str(desk.fatal)
    assert desk.next() == ()


def shaped_job(number: int, parameters: Mapping[str, Value]) -> TrialJob:
    z = parameters["latent_dim"]
    assert isinstance(z, int)
    return TrialJob(number, {}, ModelConfig(n_features=3, latent_dim=z), TrainingConfig(), "soft", 0, (4,), "cpu", 1, 0)


def test_trials_of_equal_shape_are_handed_out_together_and_none_is_lost(tmp_path: Path) -> None:
    study = opened_study(tmp_path, make_space({"latent_dim": "int(2,4)"}), "me", "random")
    started: list[int] = []

    class Ear(SearchListener):
        def trial_started(self, job: TrialJob) -> None:
            started.append(job.number)

    desk = StudyDesk(study, shaped_job, 20, Storage(str(tmp_path)), Ear(), {})
    packs = []
    while jobs := desk.next(lambda _: 4):
        packs.append(jobs)
        for job in jobs:
            assert job.number in started
            desk.hear(job.number, Report(4, {"elbo": 1.0}, 1.0, final=True))
        assert len({job.model.latent_dim for job in jobs}) == 1
    numbers = [job.number for jobs in packs for job in jobs]
    assert sorted(numbers) == list(range(20))
    assert max(map(len, packs)) == 4
    # Whoever waits for company waits no longer than for a full pack.
    assert len(packs) <= 10
    assert study.n_finished == 20


def test_trials_that_wait_for_their_turn_are_resumed_after_an_interrupt(tmp_path: Path) -> None:
    space = make_space({"latent_dim": "int(2,64)"})
    desk = StudyDesk(opened_study(tmp_path, space, "me"), shaped_job, 6, Storage(str(tmp_path)), SearchListener(), {})
    assert len(desk.next(lambda _: 3)) == 1
    desk.close()
    assert desk.next(lambda _: 3) == ()
    again = opened_study(tmp_path, space, "me")
    assert again.n_interrupted == 4
    later = StudyDesk(again, shaped_job, 6, Storage(str(tmp_path)), SearchListener(), {})
    assert later.n_left == 6


def test_every_parameter_can_be_searched(small_dataset: Dataset) -> None:
    expressions = {
        "components": "int(5,9)",
        "objective": "choice(bayes,exact)",
        "variant": "choice(plain,invariance)",
        "batch_size": "int(32,64)",
        "learning_rate": "float(0.001,0.01)",
        "latent_dim": "int(2,9)",
        "encoder_layers": "choice('8,8',16)",
        "decoder_layers": "choice('8,8',16)",
        "encoder": "choice(mlp,conv)",
        "decoding": "choice(soft,hard)",
    }
    for name in SEARCHABLE:
        expression = expressions.get(name, "float(0.1,0.5)")
        if name in ("batch_norm", "reseed", "compile"):
            expression = "choice(true,false)"
        elif name in (
            values := {
                "schedule": "constant,one-cycle",
                "start": "alike,kmeans",
                "precision": "float32,bfloat16",
                "views": "warp,photo",
            }
        ):
            expression = f"choice({values[name]})"
        elif name == "summed_components":
            expression = "int(2,4)"
        settings = SearchSettings(space={name: expression})
        space = searched_space(settings, make_settings(), small_dataset, with_labels=True)
        assert name in default_parameters(space, make_settings(), small_dataset, "soft")


def test_a_search_from_a_winner_carries_what_that_cost(command: Command, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    command(*SMALL, "--criterion", "oracle-accuracy@50", "--trials", "1", "--out", str(first))
    options = [
        "search",
        "--config",
        str(first / "best.toml"),
        "--executor",
        "serial",
        "--space",
        "learning_rate=float(1e-3,1e-2)",
    ]
    assert command(*options, "--trials", "1", "--out", str(second))[0] == 0
    winner = tomllib.loads((second / "best.toml").read_text())
    assert (winner["selected_by"], winner["selection_labels"]) == ("oracle-accuracy@50, invariance", 1797)
    assert "an upper bound, not a result" in (second / "best.toml").read_text()


@pytest.mark.slow
def test_flags_over_a_winner_are_no_choice_of_the_search(command: Command, tmp_path: Path) -> None:
    folder, run = tmp_path / "search", tmp_path / "run"
    command(*SMALL, "--criterion", "oracle-accuracy@50", "--trials", "1", "--out", str(folder))
    options = ["run", "--config", str(folder / "best.toml"), "--executor", "serial", "--model-seeds", "0", "--label-seeds", "1"]
    options += ["--budgets", "50", "--methods", "soft,knn", "--latent-dim", "3", "--out", str(run)]
    assert command(*options)[0] == 0
    records = pd.read_parquet(run / "records.parquet")
    assert set(records["selection"].dropna()) == {"oracle-accuracy@50, changed by hand"}
    for arguments in (["table", "--reference", "knn"], ["table", "--target", "0.5"], ["compare", str(run)], ["claims"]):
        output = command(arguments[0], str(run), *arguments[1:])[1]
        assert "an upper bound, not a result" in " ".join(output.split()), arguments
        assert arguments[0] == "claims" or "(oracle)" in output
    assert command("report", str(run))[0] == 0
    page = (run / "report.html").read_text()
    assert "an upper bound, not a result" in page
    assert "soft (oracle)" in page
    # What rests on labels that no user has is no answer.
    assert "<strong>knn</strong>" in page


def test_half_a_provenance_is_refused(command: Command, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    for line in ('selected_by = "me"', "selection_labels = 5"):
        config.write_text(line)
        code, _, messages = command("run", "--config", str(config), "--out", str(tmp_path / "run"))
        assert code == 2
        assert "go together" in messages


def test_a_space_wins_over_what_a_file_fixes(command: Command, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("latent_dim = 3\n[set]\ncontrast = 2\n")
    folder = tmp_path / "search"
    options = ["--config", str(config), "--space", "contrast=float(1,5)", "--trials", "1", "--out", str(folder)]
    assert command(*SMALL, *options)[0] == 0
    assert set(trials(folder)[0].params) == {"latent_dim", "learning_rate", "contrast"}


def test_a_lock_that_a_killed_process_left_holds_no_one(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    command(*SMALL, "--trials", "1", "--out", str(folder))
    (folder / "study.journal.lock").symlink_to("/elsewhere/study.journal")
    begun = time.monotonic()
    assert command(*SMALL, "--trials", "2", "--out", str(folder))[0] == 0
    assert time.monotonic() - begun < 20


def test_a_study_opens_in_optunas_own_tools(command: Command, tmp_path: Path) -> None:
    folder, url = tmp_path / "search", f"sqlite:///{tmp_path}/study.db"
    options = ["--study-storage", url, "--study", "mine", "--trials", "10", "--out", str(folder)]
    assert command(*SMALL, *options)[0] == 0
    assert not (folder / "study.journal").exists()
    study = optuna.load_study(study_name="mine", storage=url)
    assert len(study.trials) == 10
    assert study.metric_names == ["elbo"]
    assert set(optuna.importance.get_param_importances(study)) == {"latent_dim", "learning_rate"}
    from optuna_dashboard import wsgi

    answer: dict[str, str] = {}
    body = b"".join(
        wsgi(RDBStorage(url))(
            {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": "/api/studies",
                "SERVER_NAME": "localhost",
                "SERVER_PORT": "80",
                "wsgi.url_scheme": "http",
            },
            lambda status, _headers, *_: answer.update(status=status),
        )
    )
    assert answer["status"].startswith("200")
    assert [found["study_name"] for found in json.loads(body)["study_summaries"]] == ["mine"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--space", "latent_dim=5..8"], "expected int(5,64)"),
        (["--space", "latent_dims=int(5,8)"], "did you mean 'latent_dim'"),
        (["--space", "latent_dim"], "e.g. latent_dim=int(5,64,log)"),
        (["--space", "latent_dim=int(5,8)", "--space", "latent-dim=int(5,9)"], "latent_dim is given twice"),
        (["--space", "latent_dim=float(2,8)"], "--space latent_dim=float(2,8) holds 3.9"),
        (["--criterion", ","], "--criterion got ','"),
        (
            ["--space", "decoding=choice(soft,knn)", "--criterion", "accuracy@50"],
            "valid: soft, soft-bayes, soft-shares, hard, hard-fallback",
        ),
        (["--criterion", "accurracy@50"], "did you mean 'accuracy@N'"),
        (["--criterion", "elbo,seconds,invariance"], "give one, or two"),
        (["--criterion", "elbo,seconds", "--algorithm", "cma-es"], "takes one criterion"),
        (["--algorithm", "annealing"], "--algorithm got 'annealing'"),
        (["--trials", "0"], "--trials got 0"),
        (["--study-storage", "nowhere"], "it is no URL"),
        (["--study-storage", "sqlite:////nowhere/at/all.db"], "unable to open database file"),
        (
            ["--study-storage", "postgresql://me:sec?ret@127.0.0.1:1/x"],
            "storage postgresql://127.0.0.1:1/x needs the driver of its database",
        ),
        (["--components", "10,20"], "a search tries one"),
    ],
)
def test_bad_input_is_explained(command: Command, tmp_path: Path, options: list[str], reason: str) -> None:
    code, _, messages = command("search", "--executor", "serial", "--out", str(tmp_path / "search"), *options)
    assert code == 2
    assert reason in messages
    assert "sec?" not in messages
    assert "Traceback" not in messages
    assert len(messages.strip().splitlines()) <= 2


def test_another_space_under_the_same_name_is_refused(command: Command, tmp_path: Path) -> None:
    folder, url = tmp_path / "search", f"sqlite:///{tmp_path}/study.db"
    options = [*SMALL, "--study-storage", url, "--trials", "1"]
    assert command(*options, "--out", str(folder))[0] == 0
    wider = [option.replace("int(2,8)", "int(2,16)") for option in options]
    code, _, messages = command(*wider, "--out", str(tmp_path / "other"))
    assert code == 2
    assert "belongs to another search (space:" in messages
    code, _, messages = command(*wider, "--out", str(folder))
    assert code == 2
    assert "belongs to a different configuration (space:" in messages
    assert command(*wider, "--study", "wider", "--out", str(tmp_path / "other"))[0] == 0


def test_a_search_is_no_run_and_a_run_is_no_search(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    command(*SMALL, "--trials", "1", "--out", str(folder))
    for arguments in (("table", str(folder)), ("status", str(folder))):
        code, _, messages = command(*arguments)
        assert code == 2
        assert "is the folder of a search" in messages
    code, _, messages = command("run", "--out", str(folder))
    assert code == 2
    assert "is the folder of a search; give the run another --out" in messages


def test_every_trial_in_csv(command: Command, tmp_path: Path) -> None:
    code, output, _ = command(*SMALL, "--trials", "5", "--out", str(tmp_path / "search"), "--format", "csv")
    assert code == 0
    frame = pd.read_csv(StringIO(output))
    assert list(frame.columns) == [
        *("trial", "state", "elbo", "epochs", "seconds", "params_latent_dim", "params_learning_rate", "selection", "labels_read"),
    ]
    assert frame["trial"].tolist() == list(range(5))
    assert np.isfinite(frame["seconds"]).all()


def test_a_space_and_settings_from_toml(command: Command, tmp_path: Path) -> None:
    config = tmp_path / "search.toml"
    config.write_text(
        'epochs = 4\ncomponents = 10\nencoder-layers = "16"\ndecoder-layers = "16"\nexecutor = "serial"\n'
        '[search]\nobjective = "invariance"\ntrials = 2\n[search.space]\nlatent-dim = "int(2, 8)"\n'
    )
    folder = tmp_path / "search"
    assert command("search", "--config", str(config), "--out", str(folder))[0] == 0
    assert [set(trial.params) for trial in trials(folder)] == [{"latent_dim"}] * 2


@pytest.mark.parametrize(
    ("old", "new", "notice"),
    [
        (["--objective", "elbo"], ["--criterion", "elbo"], "--objective of a search is called --criterion now"),
        (
            ["--objective", "elbo", "--training-objective", "sampled"],
            ["--criterion", "elbo", "--objective", "sampled"],
            "--training-objective is called --objective now",
        ),
    ],
)
def test_old_spellings_mean_the_new_ones(old: list[str], new: list[str], notice: str, capsys: pytest.CaptureFixture[str]) -> None:
    def settings(options: list[str]) -> object:
        given = dict(zip([option.removeprefix("--") for option in options[::2]], options[1::2], strict=True))
        of_search = {"criterion": given["criterion"]} if "criterion" in given else {}
        flags = {"objective": given["objective"]} if "objective" in given else {}
        return search_settings(flags, of_search, given.get("training-objective"), None, None)

    expected = settings(new)
    assert capsys.readouterr().err == ""
    assert settings(old) == expected
    assert notice in capsys.readouterr().err
