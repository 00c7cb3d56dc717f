"""Runs that were exported: they say what the run says, and give nothing away."""

import json
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from bench.reading import export

Command = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("arguments", [("table",), ("table", "--target", "0.8"), ("table", "--cost"), ("claims",), ("coverage",)])
def test_an_export_says_what_its_run_says(command: Command, run_folder: Path, exported: Path, arguments: tuple[str, ...]) -> None:
    name, *options = arguments
    of_run, of_export = (command(name, str(folder), *options) for folder in (run_folder, exported))
    assert of_export == of_run
    assert of_run[0] == 0


def test_an_export_names_no_place_and_holds_no_model(
    command: Command, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if it were the run of a file, somewhere on a cluster, with a failure that tells where.
    run, secret = tmp_path / "run", "/home/alice"
    shutil.copytree(run_folder, run)
    config = json.loads((run / "config.json").read_text())
    config["settings"] |= {
        "data": f"{secret}/scans.npz", "data_dir": secret, "storage": f"{secret}/ck", "address": "10.1.2.3:6379",
    }  # fmt: skip
    config["earlier_settings"] = [{"data_dir": secret}]
    (run / "config.json").write_text(json.dumps(config))
    records = pd.read_parquet(run / "records.parquet")
    records.loc[0, ["status", "error", "accuracy"]] = ["failed", f"FileNotFoundError: {secret} on 10.1.2.3", None]
    records.to_parquet(run / "records.parquet")

    def told(folder: Path) -> str:
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert not any(path.suffix == ".safetensors" for path in files)
        assert sum(path.stat().st_size for path in files) < 200_000
        texts = [path.read_text() for path in files if path.suffix in (".json", ".csv")]
        return "\n".join([*texts, pd.read_parquet(folder / "records.parquet").to_csv()])

    assert command("export", str(run), str(tmp_path / "out"))[0] == 0
    text = told(tmp_path / "out")
    for place in (secret, "10.1.2.3", str(tmp_path), *([platform.node()] if platform.node() else [])):
        assert place not in text
    assert "FileNotFoundError" in text
    assert '"data": "scans.npz"' in text
    # The test can see what it looks for.
    monkeypatch.setattr(export, "_MACHINE_SETTINGS", ())
    assert command("export", str(run), str(tmp_path / "other"))[0] == 0
    assert secret in told(tmp_path / "other")


def test_any_reader_opens_published_records(exported: Path, run_folder: Path) -> None:
    for folder in (exported, run_folder):
        path = folder / "records.parquet"
        assert len(pd.read_parquet(path)) == len(pq.read_table(path)) > 0


def test_what_an_export_can_draw(command: Command, exported: Path, tmp_path: Path) -> None:
    code, _, err = command("plot", str(exported), "--out", str(tmp_path))
    assert (code, "is an exported run, without models" in err) == (0, True)
    drawn = {path.stem for path in tmp_path.glob("*.png")}
    assert drawn == {"label-efficiency", "soft-minus-hard", "accuracy-by-components", "coverage", "training"}
    code, _, err = command("explain", str(exported))
    assert (code, "is an exported run, without models" in err) == (2, True)
    code, out, _ = command("status", str(exported))
    assert (code, "an exported run" in out) == (0, True)


def test_an_export_takes_no_one_s_place(command: Command, run_folder: Path, exported: Path, tmp_path: Path) -> None:
    code, _, err = command("export", str(run_folder), str(run_folder))
    assert (code, "holds a run, not an export" in err) == (2, True)
    (tmp_path / "note.txt").write_text("mine")
    code, _, err = command("export", str(run_folder), str(tmp_path))
    assert (code, "is there and is not an export; name another folder" in err) == (2, True)
    before = (exported / "records.parquet").read_bytes()
    stale = exported / "models" / "k99-s0"
    stale.mkdir()
    assert command("export", str(run_folder), str(exported))[0] == 0
    assert (exported / "records.parquet").read_bytes() == before
    assert not stale.exists()
    other = tmp_path / "other"
    shutil.copytree(run_folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"run_id": "another"}))
    code, _, err = command("export", str(other), str(exported))
    assert (code, "holds an export of another run" in err) == (2, True)
    code, _, err = command("export", str(exported), str(tmp_path / "again"))
    assert (code, "is an export already" in err) == (2, True)


def test_an_export_is_only_read(command: Command, exported: Path) -> None:
    before = (exported / "config.json").read_bytes()
    arguments = ("run", "--executor", "serial", "--components", "10", "--epochs", "12", "--out", str(exported))
    for more in ((), ("--dry-run",)):
        code, _, err = command(*arguments, *more)
        assert (code, "is an exported run, which is only read; give another --out" in err) == (2, True)
    assert (exported / "config.json").read_bytes() == before
    code, _, _ = command("report", str(exported), "--out", str(exported.parent / "report.html"))
    assert code == 0
    assert (exported.parent / "report.html").stat().st_size > 50_000


def test_what_is_broken_or_missing_in_an_export_is_said(
    command: Command, run_folder: Path, exported: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(exported, broken)
    model = broken / "models" / "k20-s0"
    for content in ("{}", '{"sizes": [1]}', '{"sizes": ["a"]}'):
        (model / "clusters.json").write_text(content)
        code, _, err = command("coverage", str(broken))
        assert (code, "clusters.json does not hold the sizes of 20 clusters" in err) == (2, True)
    for content in ("", "epoch,seconds\n", "\x00"):
        (model / "history.csv").write_text(content)
        code, _, err = command("table", str(broken), "--cost")
        assert (code, "history.csv" in err) == (2, True), content
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    (run / "models" / "k20-s1" / "history.csv").unlink()
    code, _, err = command("export", str(run), str(tmp_path / "out"))
    assert (code, "not in the export" in err, "k20-s1" in err) == (0, True, True)
    # Clusters of pixels have a K and a seed, but no model that could be missing.
    records = pd.read_parquet(run_folder / "records.parquet")
    pixels = records[records["method"] == "soft"].assign(method="kmeans-soft", model=None, model_seed=7)
    whole = tmp_path / "whole"
    shutil.copytree(run_folder, whole)
    pd.concat([records, pixels]).to_parquet(whole / "records.parquet")
    assert command("export", str(whole), str(tmp_path / "all"))[2] == ""
