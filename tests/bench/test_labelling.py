"""`select` and `label`: from a pile of data to a labelled one, and every way to get its table of labels wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from bench.errors import DataError
from bench.labelling.given import GivenLabels, read_given
from bench.labelling.label import label_items
from bench.labelling.sheet import Card, contact_sheet
from bench.labelling.workplace import Workplace
from bench.plan.cells import ModelKey
from bench.plan.samplers import labeled_items
from bench.store.folder import open_run
from bench.store.models import load_encoded
from bench.testing.conformance import example
from gmvae.posteriors import Encoded

Command = Callable[..., tuple[int, str, str]]
TRUTH = load_digits().target


def filled(ask: Path, have: Path, truth: np.ndarray = TRUTH, first: int | None = None) -> Path:
    frame = pd.read_csv(ask, keep_default_na=False)
    frame["label"] = [str(truth[item]) for item in frame["item"]]
    if first is not None:
        frame.loc[first:, "label"] = ""
    frame.to_csv(have, index=False)
    return have


def _shown(asked: dict[str, Any]) -> list[dict[str, Any]]:
    return [shown for one in asked["items"] for shown in (one, *one["near"])]


def test_from_a_run_to_a_labelled_pool(command: Command, undisturbed: Path, tmp_path: Path) -> None:
    ask, out = tmp_path / "ask.csv", tmp_path / "labelled.parquet"
    code, output, _ = command("select", str(undisturbed), "--n", "30", "--audit", "40", "--out", str(ask))
    assert code == 0
    frame = pd.read_csv(ask, keep_default_na=False)
    assert list(frame.columns) == ["item", "label", "sampler", "cluster", "cluster_size", "reason"]
    assert frame["sampler"].tolist() == ["coverage"] * 30 + ["random"] * 40
    assert frame["item"].is_unique
    assert "30 items chosen by coverage and 40 drawn at random, of 1,797 (k10-s0; 0 labels before)" in output
    assert "10 of 10 clusters hold a label" in output
    page = (tmp_path / "ask.html").read_text()
    asked = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [one["item"] for one in asked["items"]] == frame["item"].tolist()
    assert len(asked["pictures"]) == len({one["picture"] for one in _shown(asked)})
    assert "http" not in page.replace("http-equiv", "")
    have = filled(ask, tmp_path / "have.csv")
    figure = tmp_path / "reliability.png"
    code, output, _ = command(
        "label", str(undisturbed), "--labels", str(have), "--out", str(out), "--abstain", "0.6", "--figure", str(figure)
    )
    assert code == 0
    assert figure.stat().st_size > 10_000
    labelled = pd.read_parquet(out)
    assert labelled["item"].tolist() == list(range(1_797))
    given = labelled[labelled["given"]]
    assert sorted(given["item"]) == sorted(frame["item"])
    assert (given["class"].to_numpy() == TRUTH[given["item"]].astype(str)).all()
    assert (given["probability"] == 1).all()
    rest = labelled[~labelled["given"]]
    assert (rest["class"].isna() == (rest["probability"] < 0.6)).all()
    assert rest["class"].isna().any()
    sure = rest.dropna(subset="class")
    assert (sure["class"] == TRUTH[sure["item"]].astype(str)).mean() > 0.7
    assert "accuracy on the rest, estimated: " in output
    assert "(40 random items, hidden in turn)" in output
    assert "images: --method latent-student" in output


def test_select_asks_for_the_items_that_a_run_shows(command: Command, undisturbed: Path, tmp_path: Path) -> None:
    command("select", str(undisturbed), "--n", "10", "--model", "k10-s1", "--label-seed", "1", "--out", str(tmp_path / "ask.csv"))
    stored = open_run(undisturbed)
    encoded, _ = load_encoded(undisturbed, ModelKey(10, 1))
    shown = labeled_items(TRUTH, stored.dataset["sha256"], "coverage", 1, 10, encoded)
    assert pd.read_csv(tmp_path / "ask.csv")["item"].tolist() == shown.tolist()


def test_asking_for_more_goes_on_from_what_is_known(command: Command, undisturbed: Path, tmp_path: Path) -> None:
    one, two, three, known = (tmp_path / name for name in ("one.csv", "two.csv", "three.csv", "known.csv"))
    command("select", str(undisturbed), "--n", "20", "--out", str(one))
    # The last five stay without an answer: they may be asked for again.
    filled(one, known, first=15)
    code, output, _ = command("select", str(undisturbed), "--n", "12", "--labels", str(known), "--out", str(two))
    assert code == 0
    assert "15 labels before" in output
    first, second = pd.read_csv(one), pd.read_csv(two, dtype=str, keep_default_na=False)
    # What was known comes first, so that one table holds it all.
    assert second["item"].astype(int).tolist()[:15] == first["item"].tolist()[:15]
    assert second["label"].tolist() == [str(TRUTH[item]) for item in first["item"][:15]] + [""] * 12
    assert second["item"].is_unique
    before = known.read_text()
    code, _, messages = command("select", str(undisturbed), "--n", "3", "--out", str(known))
    assert code == 2
    assert "holds 15 labels, which would be lost; give it with --labels, or another --out" in messages
    assert known.read_text() == before
    code, _, messages = command("label", str(undisturbed), "--labels", str(known), "--out", str(known))
    assert code == 2
    # The table itself may be gone on with: its labels are carried over.
    assert command("select", str(undisturbed), "--n", "3", "--labels", str(known), "--out", str(known))[0] == 0
    assert (pd.read_csv(known, dtype=str, keep_default_na=False)["label"] != "").sum() == 15
    # What a table does not say of its items, the next one does not say either.
    known.write_text("item,label\n3,3\n4,4\n")
    assert command("select", str(undisturbed), "--n", "2", "--labels", str(known), "--out", str(three))[0] == 0
    assert pd.read_csv(three, keep_default_na=False)["sampler"].tolist() == ["", "", "coverage", "coverage"]


@pytest.mark.slow
def test_unlabelled_data_from_the_first_item_on(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images = (load_digits().images * 15).astype(np.uint8)
    np.savez("pile.npz", x=images)
    train = ["--data", "pile.npz", "--components", "15", "--epochs", "15"]
    code, output, _ = command("select", *train, "--n", "15", "--audit", "20", "--sheet", "sheet.png")
    assert code == 0
    assert Path("sheet.png").stat().st_size > 20_000
    (folder,) = Path("results/runs").iterdir()
    weights = (folder / "models" / "k15-s0" / "weights.safetensors").stat().st_mtime_ns
    code, again, _ = command("select", *train, "--n", "15", "--audit", "20", "--sheet", "sheet.png")
    assert again == output
    assert (folder / "models" / "k15-s0" / "weights.safetensors").stat().st_mtime_ns == weights
    # Class names stay as the user wrote them.
    names = np.array(["null, zero", "eins", "två", "3", "four", "=5", "sechs", "sju", "acht", "neun"], dtype=object)
    filled(Path("ask.csv"), Path("have.csv"), truth=names[TRUTH])
    code, output, messages = command("label", str(folder), "--labels", "have.csv", "--out", "out.csv", "--allow-singletons")
    assert (code, messages) == (0, "")
    labelled = pd.read_csv("out.csv", keep_default_na=False)
    assert set(labelled["class"]) <= set(names)
    assert (labelled["class"].to_numpy() == names[TRUTH]).mean() > 0.5
    code, _, messages = command("run", "--data", "pile.npz", "--executor", "serial")
    assert code == 2
    assert "has 0 classes; at least two classes are needed" in messages
    assert "begin with `gmvae-bench select`" in messages


def test_labels_that_the_data_bring_along_count(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    y = np.where(np.arange(1_797) % 20 == 0, TRUTH, -1)
    np.savez("partly.npz", x=(load_digits().images * 15).astype(np.uint8), y=y)
    code, output, _ = command("select", "--data", "partly.npz", "--components", "12", "--epochs", "10", "--n", "5")
    assert code == 0
    assert "90 labels before" in output
    assert not set(pd.read_csv("ask.csv")["item"]) & set(np.flatnonzero(y >= 0))
    (folder,) = Path("results/runs").iterdir()
    code, output, _ = command("label", str(folder))
    assert code == 0
    assert "if those items were drawn at random, which the data do not say" in output.replace("\n", " ")
    # A few more labels than the data bring along are enough; a contradiction is not taken.
    item = pd.read_csv("ask.csv")["item"][0]
    Path("have.csv").write_text(f"item,label\n{item},{TRUTH[item]}\n")
    assert command("label", str(folder), "--labels", "have.csv")[0] == 0
    Path("have.csv").write_text(f"item,label\n0,{(TRUTH[0] + 1) % 10}\n")
    code, _, messages = command("label", str(folder), "--labels", "have.csv")
    assert code == 2
    assert f"contradicts the data: item 0 is '{(TRUTH[0] + 1) % 10}' there, '{TRUTH[0]}' in the data" in messages


def test_a_training_that_fails_says_why(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fast.toml").write_text('data = "digits"\ncomponents = [5]\nepochs = 3\nlearning_rate = 1e30\n')
    code, _, messages = command("select", "--config", "fast.toml")
    assert code == 2
    assert "the training failed: k5-s0: TrainingDivergedError: the loss became nan" in messages
    assert not Path("ask.csv").exists()


def test_models_alone_have_a_status_and_a_coverage_and_runs_keep_theirs(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--data", "digits", "--components", "5", "--epochs", "2"]
    assert command("select", *options, "--n", "5")[0] == 0
    (folder,) = Path("results/runs").iterdir()
    assert "cannot be told" not in command("status", str(folder))[1]
    assert "k5-s0" in command("coverage", str(folder))[1]
    # Without any label, and without the data: the clusters of the whole pool count.
    described = folder / "dataset.json"
    before, of_all = described.read_text(), command("coverage", str(folder))
    described.write_text(before.replace('"n_pool_labels_known": 1797', '"n_pool_labels_known": 0'))
    assert command("coverage", str(folder)) == of_all
    described.write_text(before)
    grid = ["--model-seeds", "0", "--label-seeds", "1", "--budgets", "20", "--methods", "soft", "--executor", "serial"]
    assert command("run", *options, *grid)[0] == 0
    config = (folder / "config.json").read_text()
    assert command("select", *options, "--n", "5")[0] == 0
    assert (folder / "config.json").read_text() == config
    # Items of a run that holds some out have other numbers than the user's rows.
    assert command("run", *options, *grid, "--holdout", "0.2", "--out", "held")[0] == 0
    code, _, messages = command("select", "held")
    assert code == 2
    assert "held holds items out (--holdout)" in messages


@pytest.mark.parametrize("chosen", [0, 30], ids=["random", "chosen too"])
def test_estimates_hold_about_as_often_as_they_say(chosen: int) -> None:
    """The whole way of `label`, for labels drawn at random and for chosen ones with random ones beside them."""
    found, rng = example(), np.random.default_rng(0)
    truth = found.dataset.labels
    # A softer posterior, so that there is something to get wrong.
    q = found.encoded.posterior**0.15
    encoded = Encoded(q / q.sum(axis=1, keepdims=True), found.encoded.latent)
    place = Workplace(Path(), found.dataset, ModelKey(10, 0), (encoded, None))
    typical = np.argsort(-encoded.posterior.max(axis=1), kind="stable")[:chosen]
    hits, repetitions = 0, 150
    for seed in range(repetitions):
        drawn = rng.choice(np.setdiff1d(np.arange(300), typical), 60, replace=False)
        items = np.concatenate([typical, drawn])
        samplers = ("cluster",) * chosen + ("random",) * len(drawn)
        given = GivenLabels(items, truth[items], found.dataset.class_names, samplers)
        said = label_items(place, given, "soft", method_seed=seed)
        assert said.estimate is not None
        interval, rest = said.estimate.accuracy, ~said.given
        hits += interval.ci_low <= (said.said == truth)[rest].mean() <= interval.ci_high
    assert 0.93 <= hits / repetitions <= 1


def test_without_random_items_nothing_is_claimed(command: Command, undisturbed: Path, tmp_path: Path) -> None:
    command("select", str(undisturbed), "--n", "40", "--out", str(tmp_path / "ask.csv"))
    have = filled(tmp_path / "ask.csv", tmp_path / "have.csv")
    options = ["--labels", str(have), "--allow-singletons", "--out", str(tmp_path / "out.parquet")]
    code, output, _ = command("label", str(undisturbed), *options)
    assert code == 0
    assert "accuracy: not known, with 0 labelled items drawn at random" in output
    # A figure that cannot be drawn keeps nobody from the labels.
    (tmp_path / "out.parquet").unlink()
    code, _, messages = command("label", str(undisturbed), *options, "--figure", str(tmp_path / "no.png"))
    assert code == 0
    assert "no.png: it needs 10 labels of items drawn at random, and there are 0" in messages
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 1_797
    assert not (tmp_path / "no.png").exists()


GOOD = "".join(f"{item},{TRUTH[item]}\n" for item in range(60))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "is empty; expected a header and a row per item"),
        ("item,kind\n1,2\n", "has the columns item, kind; expected item (or id) and label"),
        ("item,label\n", "has a header and no rows; expected a row per item"),
        ("item,label\n1,\n2,\n", "has no label: fill in the column 'label' of its 2 rows"),
        (f"item,label\n{GOOD}1797,3\n", "line 62: item '1797' is not in the pool; expected 0 … 1,796"),
        (f"item,label\n{GOOD}-1,3\n", "line 62: item '-1' is not in the pool"),
        (f"item,label\n{GOOD}7.5,3\n", "line 62: item '7.5' is not in the pool"),
        (f"item,label\n{GOOD}5,{TRUTH[5]}\n", "names items twice: 5; keep one row of each"),
        (f"item,label\n{GOOD}5,9\n", "contradicts itself: item 5 is '5' and '9'; keep one"),
        (f"item,label\n{GOOD}90,nine\n", "unknown class 'nine'"),
        ("item,label\n0,0\n10,0\n", "names one class, '0'; label items of at least two"),
        ("item,label\n0,0\n10,0\n1,1\n", "has 3 labels for 10 classes; label more"),
        ("item,label\n" + "".join(f"{item},{code}\n" for item, code in enumerate([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5])),
         "has one label each of '5': a typing error?"),
        ("id,label\na.png,3\n", "line 2: no item of the data is called 'a.png'"),
        ('item,label\n"1,2\n', "cannot be read: unexpected end of data"),
        ("item,label\n\u00b2,3\n", "item '²' is not in the pool"),
        (f"item,label\n{'9' * 5000},3\n", "is not in the pool"),
    ],
)  # fmt: skip
def test_tables_of_labels_that_cannot_be_used(
    command: Command, undisturbed: Path, tmp_path: Path, table: str, message: str
) -> None:
    have, out = tmp_path / "have.csv", tmp_path / "out.parquet"
    have.write_text(table)
    code, _, messages = command("label", str(undisturbed), "--labels", str(have), "--out", str(out))
    assert code == 2
    assert message in messages
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("select", "RUN", "--n", "0"), "--n 0 selects nothing; ask for at least one item"),
        (("select",), "give either the folder of a run, or --data"),
        (("select", "RUN", "--n", "1798"), "asked for 1,798 items to label, but 1,797 of 1,797 are without a label"),
        (("select", "RUN", "--sampler", "clster"), "unknown sampler 'clster'; did you mean 'cluster'?"),
        (("select", "RUN", "--sampler", "stratified"), "reads all labels, which only a benchmark has"),
        (("select", "RUN", "--model", "k99-s0"), "unknown model in this run 'k99-s0'"),
        (("select", "RUN", "--sheet", "ask.pdf"), "expected a name that ends in .html or .png"),
        (("select", "RUN", "--epochs", "3"), "a run has its model already"),
        (("label", "RUN"), "no labels: give a table of them with --labels"),
        (("label", "RUN", "--labels", "nowhere.csv"), "cannot read nowhere.csv: No such file"),
        (("label", "RUN", "--labels", "HAVE", "--method", "sof"), "unknown method 'sof'; did you mean 'soft'?"),
        (("label", "RUN", "--labels", "HAVE", "--method", "vae-gmm-soft"), "needs the model vae-s0"),
        (("label", "RUN", "--labels", "HAVE", "--out", "out.txt"), "expected a name that ends in .parquet or .csv"),
        (("label", "RUN", "--labels", "HAVE", "--figure", "f.xyz"), "expected a name that ends in .png, .svg, .pdf"),
        (("select", "RUN", "--out", "ask.html"), "expected a name that ends in .csv"),
    ],
)
def test_commands_that_cannot_be_carried_out(
    command: Command, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("have.csv").write_text(f"item,label\n{GOOD}")
    names = {"RUN": str(undisturbed), "HAVE": "have.csv"}
    code, _, messages = command(*(names.get(argument, argument) for argument in arguments))
    assert code == 2
    assert message in messages
    assert sorted(path.name for path in tmp_path.iterdir()) == ["have.csv"]


def test_items_can_be_named_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "have.csv").write_text("id,label\nb/2.png,dog\na/1.png,cat\n")
    given = read_given(tmp_path / "have.csv", 3, ("a/1.png", "b/2.png", "c.png"))
    assert given.items.tolist() == [1, 0]
    assert [given.class_names[code] for code in given.codes] == ["dog", "cat"]
    (tmp_path / "have.csv").write_text("item,id,label\n1,c.png,dog\n")
    with pytest.raises(DataError, match=r"line 2: item 1 is 'b/2\.png', not 'c\.png'"):
        read_given(tmp_path / "have.csv", 3, ("a/1.png", "b/2.png", "c.png"))


@pytest.mark.slow
def test_a_sheet_shows_every_item_up_to_its_limit() -> None:
    card = Card(1, 3, "", "cluster", "", 0, 5, np.eye(4))
    assert len([axes for axes in contact_sheet([card] * 13, "t").axes if axes.images]) == 13
    assert "the first 600 of 700" in contact_sheet([card] * 700, "t").get_suptitle()


def test_tables_of_labels_as_spreadsheets_write_them(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("Item;Label\n0.0;1,0\n1.0;2,0\n2.0;\n3.0;1,0\n", encoding="utf-8-sig")
    given = read_given(path, 5, None, ("1", "2"))
    assert (given.items.tolist(), given.codes.tolist(), given.class_names) == ([0, 1, 3], [0, 1, 0], ("1", "2"))
    path.write_text("item,label\n0,cat\n1,NA\n2,Cat\n")
    given = read_given(path, 5, None)
    assert given.notes[0] == "l.csv: no label where it says 'NA' 1"
    assert "differ in case alone" in given.notes[1]
    path.write_text("item,label\n0,None\n1,NA\n")
    with pytest.raises(DataError, match="both occur"):
        read_given(path, 5, None)
    path.write_text("item,label\n" + "".join(f"{n},a\n" for n in range(250)) + "250,cat, black\n")
    with pytest.raises(DataError, match="line 252: 3 values where the header has 2 columns"):
        read_given(path, 999, None)


def test_tables_of_labels_as_label_itself_and_spreadsheets_write_them(tmp_path: Path) -> None:
    ids = tuple(f"{number:05}" for number in (7, 149, 20))
    written = tmp_path / "labelled.csv"
    written.write_text("item,id,class,probability\n1,00149,fox,0.9\n0,00007,cat,1\n")
    given = read_given(written, 3, ids)
    assert (given.items.tolist(), [given.class_names[code] for code in given.codes]) == ([1, 0], ["fox", "cat"])
    written.write_text("id,label\n149,fox\n")
    with pytest.raises(DataError, match="called '149'; it has '00149', so zeros were lost or added: keep names as texts"):
        read_given(written, 3, ids)
    written.write_text("item,label\n0,cat\n1,?\n2,-1\n")
    notes = "\n".join(read_given(written, 3, None).notes)
    assert "classes called '?' (1 item); if that means no label, leave the cell empty" in notes
    assert "no label where it says '-1' 1" in notes
    assert "--missing-label" not in notes


def test_each_round_says_what_its_labels_bought_and_whether_to_stop(command: Command, undisturbed: Path, tmp_path: Path) -> None:
    shutil.copytree(undisturbed, tmp_path / "run")
    run, ask, have = str(tmp_path / "run"), tmp_path / "ask.csv", tmp_path / "have.csv"
    out = ("--out", str(tmp_path / "out.csv"), "--method", "soft-shares", "--allow-singletons")
    command("select", run, "--n", "5", "--audit", "20", "--out", str(ask))
    code, first, _ = command("label", run, "--labels", str(filled(ask, have)), *out)
    assert code == 0
    assert "before, with" not in first
    assert "twice the labels gain" in first
    command("select", run, "--n", "20", "--audit", "40", "--labels", str(have), "--out", str(ask))
    code, second, _ = command("label", run, "--labels", str(filled(ask, have)), *out)
    assert code == 0
    estimate = first.partition("estimated: ")[2].partition(" (")[0]
    assert f"before, with 25 labels: {estimate}" in second
    assert "; the last 60 brought " in second
    # The same labels again are the same round.
    _, again, _ = command("label", run, "--labels", str(have), *out)
    assert again.partition("before, with")[2] == second.partition("before, with")[2]
    _, asked, _ = command("select", run, "--n", "5", "--labels", str(have), "--out", str(tmp_path / "more.csv"))
    assert f"before, with 25 labels: {estimate}" in asked
    assert any(word in asked for word in ("go on: ", "stop: "))
    (tmp_path / "run" / "labelling.json").write_text("{")
    assert command("label", run, "--labels", str(have), *out)[0] == 0
