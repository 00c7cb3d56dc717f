import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.data.dataset import Dataset
from bench.errors import StoreError
from bench.plan.cells import ModelKey
from bench.store.atomic import read_json, write_atomically, write_json
from bench.store.locations import shown_database, shown_storage, without_secrets
from bench.store.lock import is_locked, locked
from bench.store.models import collect_model, load_encoded, publish_model
from bench.store.presence import is_trained, model_fault
from bench.store.progress import Progress, TrainingProgress, read_progress, write_progress
from bench.store.storage import Storage, parse_storage
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.posteriors import encode
from gmvae.training import train


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
    assert storage.location == str(tmp_path / "a b" / "run-1")
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
        ("s3://KEY:HU/SH@bucket/x", "holds a key; it would be saved"),
        ("s3://bucket:HUSH/x", "holds a key; it would be saved"),
        ("S3://KEY:HUSH@bucket/x", "holds a key; it would be saved"),
        ("s3://bucket/x?endpoint_override=KEY:HUSH@127.0.0.1:1", "holds a key; it would be saved"),
        ("gs://HUSH@bucket/x", "holds a key; it would be saved"),
        ("abfs://account:HU/SH@container/x", "holds a key; it would be saved"),
        ("s3://bucket/x?secret_key=HUSH", "unknown option"),
        ("s3://bucket/x?HUSH", "expected options as name=value"),
        ("s3://bucket/x?scheme=HUSH", "expected a path or s3://bucket/folder"),
        ("s3:/KEY:HUSH@bucket/x", "with two strokes"),
        (" s3://KEY:HUSH@bucket/x", "holds a key; it would be saved"),
        ("~nobody-at-all/x", "expected a path or s3://bucket/folder"),
    ],
)
def test_a_storage_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(StoreError) as refused:
        parse_storage(text)
    assert message in str(refused.value)
    shown = "".join(traceback.format_exception(refused.value))
    assert "HUSH" not in shown
    assert "HU/SH" not in shown


HUSHED = [
    "postgresql://me:HUSH@127.0.0.1:1/x",
    "postgresql://me:HUSH",
    "postgresql:/me:HUSH@h/db",
    "postgresql//me:HUSH@h/db",
    "me:HUSH",
    "postgresql://h/db?user=u&password=p@HUSH",
    "sqlite:///x.db?password=a@HUSH",
    "postgresql+psycopg2://me:p@HUSH@127.0.0.1:1/db",
    "postgresql://me:HU%53H@h/db",
    "mysql+pymysql://me:p:HUSH?@h:x/db",
]


@pytest.mark.parametrize("url", HUSHED)
def test_nothing_of_a_password_is_shown(url: str) -> None:
    assert "HUSH" not in shown_database(url)
    assert "HUSH" not in without_secrets(f"OperationalError: cannot connect to {url} (HUSH@127.0.0.1)", url)


def test_what_is_no_secret_is_shown() -> None:
    assert shown_database("sqlite:///search.db") == "sqlite:///search.db"
    assert shown_database("postgresql+psycopg2://me:HUSH@host:5432/db?x=1") == "postgresql+psycopg2://host:5432/db"
    assert shown_storage("s3://bucket/folder?region=here") == "s3://bucket/folder"
    assert shown_storage("/a/folder?") == "/a/folder?"


@pytest.mark.parametrize("url", [url for url in HUSHED if "://" not in url or url.endswith("me:HUSH")])
def test_what_is_no_url_is_refused_before_anything_is_written(
    url: str, command: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    folder = tmp_path / "search"
    code, out, messages = command(
        "search", "--data", "iris", "--study-storage", url, "--executor", "serial", "--out", str(folder)
    )
    assert code == 2
    assert "it is no URL of a database" in messages
    assert "HUSH" not in out + messages
    assert not folder.exists()


@pytest.mark.parametrize("text", ['storage = ["s3://K:HUSH@b/f"]', '[search]\nstudy_storage = ["x://me:HUSH@h"]'])
def test_values_of_a_wrong_type_are_not_repeated(text: str, command: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    code, _, messages = command("search", "--data", "iris", "--config", str(tmp_path / "c.toml"), "--executor", "serial")
    assert code == 2
    assert "storage got a value" in messages
    assert "HUSH" not in messages


def test_a_failed_write_leaves_nothing_and_a_question_mark_is_part_of_a_path(tmp_path: Path) -> None:
    class Breaks:
        def read(self, _: int = -1) -> bytes:
            raise OSError("the source broke")

    storage = Storage(str(tmp_path / "what?")).inner("run")
    assert storage.location == str(tmp_path / "what?" / "run")
    with pytest.raises(StoreError):
        storage.write("x/y", Breaks())  # type: ignore[arg-type]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_uri_keeps_its_query_behind_the_path() -> None:
    inner = Storage("s3://bucket/x?endpoint_override=localhost:1&scheme=http").inner("run")
    assert inner.location == "s3://bucket/x/run?endpoint_override=localhost:1&scheme=http"


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
