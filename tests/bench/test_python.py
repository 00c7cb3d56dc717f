"""The door for Python: the walk in docs/python.md runs, and what its objects say is what the commands say."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import gmvae_bench as gb
from bench.store.sources import package_version
from gmvae import GMVAE

ROOT = Path(__file__).parents[2]
TRUTH = load_digits().target
Command = Callable[..., tuple[int, str, str]]
QUICK = {"components": 10, "model_seeds": 1, "epochs": 2, "budgets": "25,50", "label_seeds": 2, "executor": "serial"}


@pytest.mark.slow
def test_the_walk_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "python.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 6
    names: dict[str, object] = {}
    for block in blocks:
        # Shorter trainings, in this process: the words are the document's.
        quick = block.replace("epochs=30", 'epochs=3, executor="serial", progress=False').replace("epochs=100", "epochs=2")
        exec(compile(quick, "docs/python.md", "exec"), names)  # noqa: S102 - our own document
    assert len(pd.read_csv("predicted.csv")) == 100
    assert isinstance(names["model"], GMVAE)


def test_a_run_is_what_the_commands_say_of_it(command: Command, undisturbed: Path) -> None:
    run = gb.load(undisturbed)
    assert isinstance(run, gb.Run)
    assert len(run.records) == len(pd.read_parquet(undisturbed / "records.parquet"))
    code, output, _ = command("table", str(undisturbed), "--format", "csv")
    assert code == 0
    table = run.table()
    header, *rows = output.splitlines()
    assert list(table.columns) == header.split(",")
    assert len(table) == len(rows)
    curves = run.curves()
    soft = curves[(curves["method"] == "soft") & (curves["sampler"] == "random")]
    assert {"mean", "ci_low", "ci_high", "n_labeled"} <= set(soft.columns)
    assert isinstance(run.plot(), Figure)
    assert "k10-s0" in run.models
    model = run.models["k10-s0"]
    assert isinstance(model, GMVAE)
    assert run.models["k10-s0"] is model
    with pytest.raises(KeyError, match="this run has k10-s0"):
        run.models["k99-s0"]
    assert "digits" in repr(run)
    assert "<table" in run._repr_html_()
    with pytest.raises(gb.SettingsError, match="unknown table"):
        run.table("nothing")
    with pytest.raises(gb.SettingsError, match="unknown figure"):
        run.plot("nothing")


def test_classifiers_of_a_run_tell_its_held_out_items_as_its_records_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images, classes = load_digits().images / 16, load_digits().target
    run = gb.run((images[:1_400], classes[:1_400]), methods="soft,logreg", progress=False, **QUICK)
    classifier = run.classifier(method="soft", n_labeled=50, label_seed=1)
    assert classifier.about.n_labels == 50
    accuracy = (classifier.predict(images[1_400:]).astype(int) == classes[1_400:]).mean()
    (recorded,) = run.records.query("method == 'soft' and n_labeled == 50 and label_seed == 1")["accuracy"]
    assert accuracy == pytest.approx(recorded, abs=0.1)
    # The same data are the same file, and a run that is complete is not run again.
    before = sorted(path.name for path in Path("results", "data").iterdir())
    again = gb.run((images[:1_400], classes[:1_400]), methods="soft,logreg", progress=False, **QUICK)
    assert again.folder == run.folder
    assert sorted(path.name for path in Path("results", "data").iterdir()) == before


def test_select_and_label_take_what_python_users_have(undisturbed: Path, tmp_path: Path) -> None:
    picks = gb.select(gb.load(undisturbed), n=30, audit=20)
    assert picks.attrs["run"] == str(undisturbed)
    assert (picks["label"] == "").all()
    picks["label"] = TRUTH[picks["item"]]
    by_frame = gb.label(undisturbed, picks, "soft")
    assert by_frame.accuracy is not None
    assert len(by_frame.table) == 1_797
    by_dict = gb.label(undisturbed, dict(zip(picks["item"], picks["label"], strict=True)), "soft")
    assert by_dict.table["class"].tolist() == by_frame.table["class"].tolist()
    picks.to_csv(tmp_path / "l.csv", index=False)
    by_path = gb.label(undisturbed, tmp_path / "l.csv", "soft")
    pd.testing.assert_frame_equal(by_path.table, by_frame.table)
    assert "accuracy on the rest, estimated" in repr(by_path)
    assert "<table" in by_path._repr_html_()
    more = gb.select(undisturbed, n=5, labels=picks)
    assert len(more) == 55
    with pytest.raises(gb.SettingsError, match="labels got list"):
        gb.label(undisturbed, [1, 2])
    with pytest.raises(gb.SettingsError, match="give a run, or data"):
        gb.select()
    with pytest.raises(gb.SettingsError, match="audti: a run has its model already"):
        gb.select(undisturbed, audti=3)
    assert by_path.classifier().about.method == "soft"
    with pytest.raises(gb.DataError, match="names one class"):
        gb.label(undisturbed, {0: "1", 1: "1"})


def test_data_frames_are_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    frame = pd.DataFrame({"a": rng.normal(size=200) + 3 * y, "b": rng.normal(size=200), "label": np.array(["no", "yes"])[y]})
    run = gb.run(frame, methods="logreg", budgets="40", label_seeds=1, model_seeds=1, executor="serial", progress=False)
    assert run.records["accuracy"].iloc[0] > 0.8
    picks = gb.select(data=frame.drop(columns="label"), n=20, components=3, epochs=2, progress=False)
    picks["label"] = np.array(["no", "yes"])[y[picks["item"]]]
    classifier = gb.label(picks.attrs["run"], picks, "soft", allow_singletons=True).classifier()
    assert set(classifier.predict(frame)) <= {"no", "yes"}
    assert (classifier.predict(frame[["b", "a"]]) == classifier.predict(frame)).all()


def test_arrays_are_saved_as_plain_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.api.frames import saved

    monkeypatch.chdir(tmp_path)
    x = np.zeros((4, 2))
    path = saved((x, np.array(["a", None, "b", float("nan")], dtype=object)))
    assert np.load(path)["y"].tolist() == ["a", "", "b", ""]
    assert saved((x, np.array(["a", None, "b", None], dtype=object))) == path
    frame = pd.DataFrame(x, columns=["p", "q"])
    assert list(pd.read_parquet(saved((frame, [1, 2, 1, 2]))).columns) == ["p", "q", "label"]
    with pytest.raises(gb.SettingsError, match="data got"):
        saved(x.astype(object))


def test_wrong_settings_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(gb.SettingsError, match="unknown setting 'epoch'"):
        gb.run("digits", epoch=3)
    with pytest.raises(gb.SettingsError, match="data got int"):
        gb.run(3)
    with pytest.raises(gb.StoreError, match="holds no run, suite or classifier"):
        gb.load(tmp_path)


def test_an_interrupt_is_told_and_the_same_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = QUICK | {"methods": "knn,logreg"}
    with monkeypatch.context() as patch:
        patch.setattr("bench.run.append_records", _interrupt_after(1))
        with pytest.raises(KeyboardInterrupt):
            gb.run("digits", out=tmp_path / "run", progress=False, **settings)
    assert "the same call goes on from there" in capsys.readouterr().err
    run = gb.run("digits", out=tmp_path / "run", progress=False, **settings)
    assert len(run.records) == 8
    assert (run.records["status"] == "ok").all()


def _interrupt_after(n_batches: int) -> Callable[..., None]:
    from bench.store.records import append_records

    left = n_batches

    def append(folder: Path, records: object) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        append_records(folder, records)  # type: ignore[arg-type]

    return append


def test_names_are_there_and_nothing_is_loaded_before_it_is_used() -> None:
    assert set(gb.__all__) | {"__version__"} == set(dir(gb))
    assert gb.__version__ == package_version()
    for name in gb.__all__:
        assert getattr(gb, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gb.nothing
    code = "import sys, gmvae_bench; print({'torch', 'pandas', 'ray', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
