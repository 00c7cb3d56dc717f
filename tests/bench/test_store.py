import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bench.data.dataset import Dataset
from bench.errors import StoreError
from bench.judge.identity import cell_id
from bench.judge.methods import METHODS
from bench.judge.record import Origin, Outcome, Record, make_record
from bench.plan.budgets import Budget
from bench.plan.cells import Cell, ModelKey
from bench.store.atomic import read_json, write_atomically, write_json
from bench.store.folder import claim, default_folder, open_run, sweep
from bench.store.lock import is_locked, locked
from bench.store.models import collect_model, load_encoded, publish_model
from bench.store.presence import is_trained, model_fault
from bench.store.progress import Progress, TrainingProgress, read_progress, write_progress
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
from bench.store.storage import Storage, parse_storage
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.posteriors import encode
from gmvae.training import train

KEY = ModelKey(5, 0)
ORIGIN = Origin("d", "abc", 1_000, 1_000, "0.1.0")


def record(label_seed: int = 0, clustering: ModelKey | None = KEY, **outcome: object) -> Record:
    cell = Cell("soft", Budget(50, "5%"), "random", label_seed, clustering)
    measured = replace(Outcome(accuracy=0.5), **outcome)  # type: ignore[arg-type]
    return make_record(cell, ORIGIN, sees="posterior", model="gmvae", host="h", outcome=measured)


def test_records_come_back_as_they_went_in(tmp_path: Path) -> None:
    append_records(tmp_path, [record(0), record(1, clustering=None, status="failed", accuracy=None, error="boom")])
    frame = read_records(tmp_path)
    assert len(frame) == 2
    first, second = frame.sort_values("label_seed").to_dict("records")
    assert (first["accuracy"], first["budget"], first["n_components"]) == (0.5, "5%", 5)
    assert second["error"] == "boom"
    assert pd.isna(second["accuracy"])
    assert pd.isna(second["n_components"])
    assert list(frame.columns) == list(Record.__dataclass_fields__)


def test_merging_keeps_everything_once(tmp_path: Path) -> None:
    for seed in range(5):
        append_records(tmp_path, [record(seed)])
    merged = merge_records(tmp_path)
    append_records(tmp_path, [record(2, accuracy=0.9), record(5)])
    assert len(merged) == 5
    again = merge_records(tmp_path)
    assert sorted(again["label_seed"]) == [0, 1, 2, 3, 4, 5]
    assert again.set_index("label_seed")["accuracy"][2] == 0.9
    assert not (tmp_path / PARTS).exists()
    pd.testing.assert_frame_equal(merge_records(tmp_path), again)


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


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device"):
        write_atomically(path, fail)
    assert read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


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
    assert default_folder("../x y.npz", "0123456789") == Path("results/runs/x-y-01234567")


def test_models_appear_whole_with_their_posteriors(tmp_path: Path, small_dataset: Dataset) -> None:
    config = ModelConfig(n_features=64, n_components=3, latent_dim=2, encoder_layers=(8,), decoder_layers=(8,))
    trained = train(small_dataset.pool, config, TrainingConfig(epochs=1), model_seed=0, device="cpu")
    encoded = encode(trained.model, small_dataset.pool)
    key, storage = ModelKey(3, 0), Storage(str(tmp_path / "elsewhere"))
    assert not is_trained(tmp_path, key)
    assert not collect_model(storage, tmp_path, key)
    publish_model(storage, key, trained, (encoded, None))
    assert not is_trained(tmp_path, key)
    assert collect_model(storage, tmp_path, key)
    assert is_trained(tmp_path, key)
    assert not (tmp_path / "elsewhere" / "k3-s0").exists()
    pool, test = load_encoded(tmp_path, key)
    np.testing.assert_array_equal(pool.posterior, encoded.posterior)
    assert test is None
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["k3-s0"]
    path = tmp_path / "models" / "k3-s0" / "posterior.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert "posterior.safetensors is broken" in str(model_fault(tmp_path, key))
    assert not is_trained(tmp_path, key)
    with pytest.raises(StoreError, match="missing or broken"):
        load_encoded(tmp_path, key)


def test_half_a_published_model_is_not_collected(tmp_path: Path) -> None:
    storage, key = Storage(str(tmp_path / "s")), ModelKey(3, 0)
    for name in ("settings.json", "weights.safetensors", "history.csv"):
        storage.write(f"{key.id}/{name}", b"{}")
    assert not collect_model(storage, tmp_path, key)
    assert not (tmp_path / "models").exists() or not any((tmp_path / "models").iterdir())


def test_storage_keeps_files_whole(tmp_path: Path) -> None:
    storage = parse_storage(str(tmp_path / "a b")).inner("run-1")
    assert storage.place == str(tmp_path / "a b" / "run-1")
    assert not storage.has("x/y")
    assert not storage.read("x/y", tmp_path / "copy")

    class Breaks:
        def read(self, _: int = -1) -> bytes:
            raise OSError("the source broke")

    storage.write("x/y", b"first")
    with pytest.raises(StoreError, match="the source broke"):
        storage.write("x/y", Breaks())  # type: ignore[arg-type]
    assert storage.read("x/y", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"first"
    assert pickle.loads(pickle.dumps(storage)).has("x/y")  # noqa: S301 - it travels to workers so
    storage.clear("x")
    storage.clear("x")
    assert not storage.has("x/y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s3://key:HUSH@bucket/x", "holds a key; it would be saved"),
        ("nosuch://bucket/x", "expected a path or s3://bucket/folder"),
        ("s3://", "expected a path or s3://bucket/folder"),
        ("s3://bucket/x?secret_key=HUSH", "unknown option secret_key"),
        ("~nobody-at-all/x", "expected a path or s3://bucket/folder"),
    ],
)
def test_a_storage_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(StoreError) as refused:
        parse_storage(text)
    assert message in str(refused.value)
    assert "HUSH" not in str(refused.value)


def test_a_failed_write_leaves_nothing_and_a_question_mark_is_part_of_a_path(tmp_path: Path) -> None:
    class Breaks:
        def read(self, _: int = -1) -> bytes:
            raise OSError("the source broke")

    storage = Storage(str(tmp_path / "what?")).inner("run")
    assert storage.place == str(tmp_path / "what?" / "run")
    with pytest.raises(StoreError):
        storage.write("x/y", Breaks())  # type: ignore[arg-type]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


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


def test_a_uri_keeps_its_query_behind_the_path() -> None:
    inner = Storage("s3://bucket/x?endpoint_override=localhost:1&scheme=http").inner("run")
    assert inner.place == "s3://bucket/x/run?endpoint_override=localhost:1&scheme=http"


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
    assert len(merge_records(tmp_path)) == 2
    (tmp_path / TABLE).write_bytes(b"PAR1 nonsense")
    set_broken_aside(tmp_path)
    assert len(read_records(tmp_path)) == 0
    assert len(list(tmp_path.glob("records.parquet-*.broken"))) == 1


def test_identity_of_a_cell_changes_with_all_that_decides_it_and_nothing_else() -> None:
    cell = Cell("soft", Budget(50, "5%"), "random", 0, KEY)
    origin = replace(ORIGIN, training="t")
    decoder, baseline = METHODS["soft"], METHODS["knn"]
    same = [
        cell_id(cell, decoder, origin),
        cell_id(replace(cell, budget=Budget(50, "50")), decoder, replace(origin, version="9", n_pool=7)),
    ]
    others = [
        cell_id(replace(cell, label_seed=1), decoder, origin),
        cell_id(replace(cell, budget=Budget(51, "5%")), decoder, origin),
        cell_id(replace(cell, clustering=ModelKey(5, 1)), decoder, origin),
        cell_id(replace(cell, sampler="other"), decoder, origin),
        cell_id(cell, replace(decoder, version=2), origin),
        cell_id(cell, decoder, replace(origin, dataset_sha256="other")),
        cell_id(cell, decoder, replace(origin, training="other")),
    ]
    assert len(set(same)) == 1
    assert len({*same, *others}) == 1 + len(others)
    # A method that needs no model of ours does not care how one was trained.
    plain = replace(cell, method="knn", clustering=None)
    assert cell_id(plain, baseline, origin) == cell_id(plain, baseline, replace(origin, training="other"))


def test_a_cell_of_another_identity_takes_the_place_even_if_it_failed(tmp_path: Path) -> None:
    append_records(tmp_path, [replace(record(1), cell_id="version 1")])
    merge_records(tmp_path)
    append_records(tmp_path, [replace(record(1, status="failed", accuracy=None), cell_id="version 2")])
    assert merge_records(tmp_path)[["cell_id", "status"]].to_numpy().tolist() == [["version 2", "failed"]]
    append_records(tmp_path, [replace(record(1), cell_id="version 2")])
    append_records(tmp_path, [replace(record(1, status="failed", accuracy=None), cell_id="version 2")])
    assert merge_records(tmp_path)["status"].tolist() == ["ok"]


def test_texts_of_records_are_fit_for_a_terminal(tmp_path: Path) -> None:
    append_records(tmp_path, [record(1, status="failed", error="\x1b]0;title\x07\nboom")])
    assert read_records(tmp_path)["error"].tolist() == ["�]0;title��boom"]


def test_a_record_counts_by_identity_and_one_from_before_identities_by_its_place(tmp_path: Path) -> None:
    append_records(tmp_path, [replace(record(1), cell_id="a"), replace(record(2, status="failed"), cell_id="b")])
    keys = {seed: Cell("soft", Budget(50, "50"), "random", seed, KEY).key for seed in (1, 2, 3)}
    frame = merge_records(tmp_path)
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


def test_the_lock_says_who_holds_it_and_dies_with_its_holder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert not is_locked(folder)
    script = """
import sys, time
from pathlib import Path
from bench.store.lock import locked
from bench.store.progress import Progress, write_progress
with locked(Path(sys.argv[1])):
    write_progress(Path(sys.argv[1]), Progress())
    print("held", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    assert is_locked(folder)
    with pytest.raises(StoreError, match=f"process {process.pid} on .* is running in"), locked(folder):
        pass
    process.kill()
    process.communicate()
    assert not is_locked(folder)
    with locked(folder):
        assert is_locked(folder)
    # What the dead one said is gone too.
    assert read_progress(folder) is None


def test_progress_comes_back(tmp_path: Path) -> None:
    progress = Progress(trainings={"k5-s0": TrainingProgress("training", 10, 3, 1.5)}, cells_running={"knn": 7})
    write_progress(tmp_path, progress)
    assert read_progress(tmp_path) == progress
    (tmp_path / "progress.json").write_text('{"trainings": [1]}')
    assert read_progress(tmp_path) is None
