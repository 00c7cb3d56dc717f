from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bench.data.dataset import Dataset
from bench.errors import StoreError
from bench.judge.record import Origin, Outcome, Record, make_record
from bench.plan.budgets import Budget
from bench.plan.cells import Cell, ModelKey
from bench.store.atomic import read_json, write_atomically, write_json
from bench.store.folder import claim, default_folder, open_run
from bench.store.models import is_trained, load_encoded, save_model
from bench.store.records import PARTS, TABLE, append_records, finished_keys, merge_records, read_records
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
    assert finished_keys(read_records(tmp_path)) == wanted


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
    key = ModelKey(3, 0)
    assert not is_trained(tmp_path, key)
    save_model(tmp_path, key, trained, (encoded, None))
    assert is_trained(tmp_path, key)
    pool, test = load_encoded(tmp_path, key)
    np.testing.assert_array_equal(pool.posterior, encoded.posterior)
    assert test is None
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["k3-s0"]
    path = tmp_path / "models" / "k3-s0" / "posterior.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="missing or broken"):
        load_encoded(tmp_path, key)
