from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from bench.data.dataset import Dataset
from bench.errors import SettingsError, StoreError
from bench.judge.identity import cell_id
from bench.judge.methods import METHODS
from bench.judge.record import Origin, Outcome, Record, make_record
from bench.plan.budgets import Budget
from bench.plan.cells import Cell, ModelKey
from bench.plan.samplers import SAMPLERS
from bench.store import records
from bench.store.atomic import read_json
from bench.store.folder import claim, default_folder, open_run, sweep
from bench.store.records import (
    PARTS,
    TABLE,
    append_records,
    merge_records,
    read_records,
    record_keys,
    set_broken_aside,
    status_of,
)

KEY = ModelKey(5, 0)
RANDOM = SAMPLERS["random"]
ORIGIN = Origin("d", "abc", 1_000, 1_000, "0.1.0")


def record(label_seed: int = 0, clustering: ModelKey | None = KEY, **outcome: object) -> Record:
    cell = Cell("soft", Budget(50, "5%"), "random", label_seed, clustering)
    measured = replace(Outcome(accuracy=0.5), **outcome)  # type: ignore[arg-type]
    return make_record(cell, ORIGIN, sees="posterior", model="gmvae", host="h", outcome=measured)


def merged_records(folder: Path) -> pd.DataFrame:
    merge_records(folder)
    return read_records(folder)


def test_records_come_back_as_they_went_in(tmp_path: Path) -> None:
    append_records(tmp_path, [record(0), record(1, clustering=None, status="failed", accuracy=None, error="boom")])
    frame = read_records(tmp_path)
    assert len(frame) == 2
    first, second = frame.sort_values("label_seed").to_dict("records")
    assert (first["accuracy"], first["budget"], first["n_components"]) == (0.5, "5%", 5)
    assert second["error"] == "boom"
    assert pd.isna(second["accuracy"])
    assert pd.isna(second["n_components"])
    assert list(frame.columns) == [name for name in Record.__dataclass_fields__ if name != "predictions"]


def test_merging_keeps_everything_once(tmp_path: Path) -> None:
    for seed in range(5):
        append_records(tmp_path, [record(seed)])
    merged = merged_records(tmp_path)
    append_records(tmp_path, [record(2, accuracy=0.9), record(5)])
    assert len(merged) == 5
    again = merged_records(tmp_path)
    assert sorted(again["label_seed"]) == [0, 1, 2, 3, 4, 5]
    assert again.set_index("label_seed")["accuracy"][2] == 0.9
    assert not (tmp_path / PARTS).exists()
    pd.testing.assert_frame_equal(merged_records(tmp_path), again)


def test_a_crash_between_merging_and_deleting_doubles_nothing(tmp_path: Path) -> None:
    append_records(tmp_path, [record(0), record(1)])
    part = next((tmp_path / PARTS).glob("*.parquet"))
    content = part.read_bytes()
    merge_records(tmp_path)
    part.parent.mkdir()
    part.write_bytes(content)
    assert len(read_records(tmp_path)) == 2


def test_a_finished_record_wins_over_a_failed_one_whatever_the_order(tmp_path: Path) -> None:
    failed = record(0, status="failed", accuracy=None, error="boom")
    for batch in ([record(0)], [failed]):
        append_records(tmp_path, batch)
    assert read_records(tmp_path)["status"].tolist() == ["ok"]


def test_finished_keys_are_those_of_cells(tmp_path: Path) -> None:
    append_records(tmp_path, [record(0), record(1, clustering=None), record(2, status="failed")])
    wanted = {Cell("soft", Budget(50, "50"), "random", seed, key).key for seed, key in ((0, ModelKey(5, 0)), (1, None))}
    frame = read_records(tmp_path)
    assert {key for key, status in zip(record_keys(frame), frame["status"], strict=True) if status == "ok"} == wanted


def test_the_table_needs_no_code_of_ours_to_be_read(tmp_path: Path) -> None:
    append_records(tmp_path, [record(0)])
    merge_records(tmp_path)
    table = pq.read_table(tmp_path / TABLE)
    assert str(table.schema.field("n_components").type) == "int64"
    assert str(table.schema.field("accuracy").type) == "double"
    assert str(table.schema.field("error").type) == "string"


def test_a_broken_or_foreign_table_is_named(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_bytes(b"PAR1 truncated")
    with pytest.raises(StoreError, match="is broken"):
        read_records(tmp_path)
    pd.DataFrame({"method": ["soft"]}).to_parquet(tmp_path / TABLE)
    with pytest.raises(StoreError, match="lacks the columns"):
        read_records(tmp_path)


def test_a_folder_belongs_to_one_configuration(tmp_path: Path, small_dataset: Dataset) -> None:
    folder = tmp_path / "run"
    claim(folder, {"epochs": 5}, {}, small_dataset)
    claim(folder, {"epochs": 5}, {}, small_dataset)
    with pytest.raises(StoreError, match="epochs: 5 there, 6 asked"):
        claim(folder, {"epochs": 6}, {}, small_dataset)


def test_a_folder_with_other_things_is_not_taken(tmp_path: Path, small_dataset: Dataset) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StoreError, match="not the folder of a run"):
        claim(tmp_path, {}, {}, small_dataset)
    with pytest.raises(StoreError, match="not the folder of a run"):
        open_run(tmp_path)


def test_a_run_describes_itself(tmp_path: Path, small_dataset: Dataset) -> None:
    claim(tmp_path, {"epochs": 5}, {"data": "small"}, small_dataset)
    append_records(tmp_path, [record(0)])
    run = open_run(tmp_path)
    assert run.dataset["sha256"] == small_dataset.sha256
    assert run.config["settings"] == {"data": "small"}
    assert len(run.records) == 1
    assert read_json(tmp_path / "environment.json")["packages"]["torch"]


def test_default_folder_is_named_after_data_and_settings() -> None:
    one, other = (default_folder("../x y.npz", {"epochs": epochs}) for epochs in (1, 2))
    assert one.parent == Path("results/runs")
    assert one.name.startswith("x-y-")
    assert one != other
    assert default_folder("digits", {}, "searches").parent == Path("results/searches")


def test_leftovers_of_killed_writers_are_swept(tmp_path: Path, small_dataset: Dataset) -> None:
    claim(tmp_path, {}, {}, small_dataset)
    (tmp_path / "models" / ".k10-s0-abc").mkdir(parents=True)
    (tmp_path / "models" / "k10-s0").mkdir()
    (tmp_path / ".config.json-abc.json").touch()
    append_records(tmp_path, [record(1)])
    (tmp_path / PARTS / ".x.parquet-abc.parquet").touch()
    sweep(tmp_path)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["k10-s0"]
    assert not list(tmp_path.glob(".config*"))
    assert len(list((tmp_path / PARTS).iterdir())) == 1


def test_settings_of_earlier_commands_are_kept_as_differences(tmp_path: Path, small_dataset: Dataset) -> None:
    for seeds in ([0], [0, 1], [0, 1, 2]):
        claim(tmp_path, {}, {"data": "small", "label_seeds": seeds}, small_dataset)
    content = read_json(tmp_path / "config.json")
    assert content["settings"] == {"data": "small", "label_seeds": [0, 1, 2]}
    assert content["earlier_settings"] == [{"label_seeds": [0]}, {"label_seeds": [0, 1]}]


def test_broken_records_are_set_aside_and_the_rest_is_kept(tmp_path: Path) -> None:
    append_records(tmp_path, [record(1)])
    merge_records(tmp_path)
    append_records(tmp_path, [record(2)])
    append_records(tmp_path, [record(3)])
    broken = sorted((tmp_path / PARTS).iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:-9])
    with pytest.raises(StoreError, match="is broken"):
        read_records(tmp_path)
    assert len(read_records(tmp_path, tolerant=True)) == 2
    (aside,) = set_broken_aside(tmp_path)
    assert aside.name.startswith(broken.name)
    assert aside.name.endswith(".broken")
    assert set_broken_aside(tmp_path) == []
    assert len(merged_records(tmp_path)) == 2
    (tmp_path / TABLE).write_bytes(b"PAR1 nonsense")
    set_broken_aside(tmp_path)
    assert len(read_records(tmp_path)) == 0
    assert len(list(tmp_path.glob("records.parquet-*.broken"))) == 1


def test_identity_of_a_cell_changes_with_all_that_decides_it_and_nothing_else() -> None:
    cell = Cell("soft", Budget(50, "5%"), "random", 0, KEY)
    origin = replace(ORIGIN, training="t")
    decoder, baseline = METHODS["soft"], METHODS["knn"]
    same = [
        cell_id(cell, decoder, RANDOM, origin),
        cell_id(replace(cell, budget=Budget(50, "50")), decoder, RANDOM, replace(origin, version="9", n_pool=7)),
    ]
    others = [
        cell_id(replace(cell, label_seed=1), decoder, RANDOM, origin),
        cell_id(replace(cell, budget=Budget(51, "5%")), decoder, RANDOM, origin),
        cell_id(replace(cell, clustering=ModelKey(5, 1)), decoder, RANDOM, origin),
        cell_id(replace(cell, sampler="cluster"), decoder, SAMPLERS["cluster"], origin),
        cell_id(replace(cell, sampler="cluster"), decoder, replace(SAMPLERS["cluster"], version=2), origin),
        cell_id(cell, replace(decoder, version=2), RANDOM, origin),
        cell_id(cell, decoder, RANDOM, replace(origin, dataset_sha256="other")),
        cell_id(cell, decoder, RANDOM, replace(origin, training="other")),
    ]
    assert len(set(same)) == 1
    assert len({*same, *others}) == 1 + len(others)
    # A method that needs no model of ours does not care how one was trained.
    plain = replace(cell, method="knn", clustering=None)
    assert cell_id(plain, baseline, RANDOM, origin) == cell_id(plain, baseline, RANDOM, replace(origin, training="other"))
    # Unless that model chose the items.
    chosen = replace(cell, method="knn", sampler="cluster")
    ids = {cell_id(chosen, baseline, SAMPLERS["cluster"], of) for of in (origin, replace(origin, training="other"))}
    assert len(ids) == 2
    # As it was before there was more than one sampler: records of then count.
    assert same[0] == "9b472310c7001210"


def test_a_cell_of_another_identity_takes_the_place_even_if_it_failed(tmp_path: Path) -> None:
    append_records(tmp_path, [replace(record(1), cell_id="version 1")])
    merge_records(tmp_path)
    append_records(tmp_path, [replace(record(1, status="failed", accuracy=None), cell_id="version 2")])
    assert merged_records(tmp_path)[["cell_id", "status"]].to_numpy().tolist() == [["version 2", "failed"]]
    append_records(tmp_path, [replace(record(1), cell_id="version 2")])
    append_records(tmp_path, [replace(record(1, status="failed", accuracy=None), cell_id="version 2")])
    assert merged_records(tmp_path)["status"].tolist() == ["ok"]


def test_texts_of_records_are_fit_for_a_terminal(tmp_path: Path) -> None:
    append_records(tmp_path, [record(1, status="failed", error="\x1b]0;title\x07\nboom")])
    assert read_records(tmp_path)["error"].tolist() == ["�]0;title��boom"]


def test_a_record_counts_by_identity_and_one_from_before_identities_by_its_place(tmp_path: Path) -> None:
    append_records(tmp_path, [replace(record(1), cell_id="a"), replace(record(2, status="failed"), cell_id="b")])
    keys = {seed: Cell("soft", Budget(50, "50"), "random", seed, KEY).key for seed in (1, 2, 3)}
    frame = merged_records(tmp_path)
    assert status_of(frame, {keys[1]: "a", keys[2]: "b", keys[3]: "c"}) == {keys[1]: "ok", keys[2]: "failed"}
    assert status_of(frame, {keys[1]: "of another version", keys[2]: "b"}) == {keys[2]: "failed"}
    table = pq.read_table(tmp_path / TABLE)
    pq.write_table(table.drop_columns(["cell_id"]), tmp_path / TABLE)
    assert status_of(read_records(tmp_path), {keys[1]: "anything", keys[3]: "c"}) == {keys[1]: "ok"}


def test_a_run_folder_that_leads_out_of_itself_is_refused(tmp_path: Path, small_dataset: Dataset) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    outside.mkdir()
    claim(folder, {"epochs": 5}, {}, small_dataset)
    (folder / "inside").mkdir()
    (folder / "models").symlink_to(folder / "inside")
    claim(folder, {"epochs": 5}, {}, small_dataset)
    for place in (folder / "figures", folder / "inside" / "k3-s0"):
        place.symlink_to(outside)
        for use in (lambda: claim(folder, {"epochs": 5}, {}, small_dataset), lambda: open_run(folder, empty=True)):
            with pytest.raises(StoreError, match="is a link out of the run's folder"):
                use()
        place.unlink()


def test_json_of_absurd_size_or_depth_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    with pytest.raises(StoreError, match="104,857,600 bytes"):
        read_json(path)
    path.write_text("[" * 100_000)
    with pytest.raises(StoreError, match="cannot be read"):
        read_json(path)


@pytest.mark.parametrize("moment", ["_read_table", "_written"])
def test_a_reader_sees_everything_while_another_process_merges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    for seed in range(6):
        append_records(tmp_path, [record(seed, accuracy=0.5)])
    real, calls = getattr(records, moment), []

    def merging(path: Path, *rest: object) -> object:
        calls.append(path)
        if len(calls) == 3:
            monkeypatch.setattr(records, moment, real)
            merge_records(tmp_path)
        return real(path, *rest)

    monkeypatch.setattr(records, moment, merging)
    assert sorted(read_records(tmp_path)["label_seed"]) == list(range(6))
    assert len(calls) >= 3


def test_what_older_records_do_not_say_is_filled_in_for_readers_and_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_records(tmp_path, [record(0), record(1, clustering=None)])
    merge_records(tmp_path)
    old = pd.read_parquet(tmp_path / "records.parquet").drop(columns=["needs", "oracle"])
    # Of a plug-in that is not installed: a method on clusters, and a sampler that reads all labels.
    old["method"] = ["of-a-plugin", "knn"]
    old["sampler"] = ["random", "theirs"]
    old["model"] = None
    old.to_parquet(tmp_path / "records.parquet")
    frame = merged_records(tmp_path).set_index("method")
    assert frame["needs"].to_dict() == {"of-a-plugin": "clusters", "knn": "nothing"}
    assert not frame["oracle"].any()
    assert pd.read_parquet(tmp_path / "records.parquet")[["needs", "oracle"]].isna().all(axis=None)
    # Where it is installed, it says so itself.
    theirs = replace(SAMPLERS["random"], oracle=True)
    monkeypatch.setattr(records, "all_samplers", lambda: SAMPLERS | {"theirs": theirs})
    assert read_records(tmp_path).set_index("method")["oracle"].to_dict() == {"of-a-plugin": False, "knn": True}

    def broken() -> object:
        raise SettingsError("the plug-in cannot be loaded")

    monkeypatch.setattr(records, "all_methods", broken)
    assert read_records(tmp_path).set_index("method")["needs"]["of-a-plugin"] == "clusters"
