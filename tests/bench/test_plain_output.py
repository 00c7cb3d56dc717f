"""Where the output has no Unicode, and where Ray's folder would be too deep: plain signs, a short folder."""

import io
import os
from pathlib import Path

import pytest

from bench.cli.plain import write_plainly
from bench.engine import cluster
from bench.errors import ClusterError, SettingsError
from bench.plan.settings import read_toml


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_signs_that_the_encoding_lacks_become_plain(encoding: str) -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding)
    write_plainly(stream)
    stream.write("3 \N{MULTIPLICATION SIGN} 2 ─│… \N{CAT FACE}")
    stream.flush()
    written = buffer.getvalue().decode(encoding)
    times = "\N{MULTIPLICATION SIGN}"
    expected = {"ascii": "3 x 2 -|... ?", "latin-1": f"3 {times} 2 -|... ?", "cp1252": f"3 {times} 2 -|\u2026 ?"}
    assert written == expected.get(encoding, f"3 {times} 2 ─│… \N{CAT FACE}")


def test_ray_gets_a_short_folder_where_the_usual_one_is_too_deep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/short")
    assert cluster._short_folder() == {}
    deep = f"/scratch/{'job' * 12}"
    monkeypatch.setattr("tempfile.gettempdir", lambda: deep)
    monkeypatch.setattr(cluster, "_SHORT", str(tmp_path))
    assert cluster._short_folder() == {"_temp_dir": f"{tmp_path}/ray"}
    monkeypatch.setenv("RAY_TMPDIR", deep)
    monkeypatch.setattr(cluster, "_SHORT", str(tmp_path / "absent"))
    with pytest.raises(
        ClusterError, match="Set RAY_TMPDIR to a folder with a name of at most 37 characters, or use --executor serial"
    ):
        cluster._short_folder()
    assert os.environ["RAY_TMPDIR"] == deep


def test_a_configuration_may_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b'\xef\xbb\xbfdata = "digits"\r\n')
    assert read_toml(path) == {"data": "digits"}
    path.write_bytes(b"\xff\xfed\0")
    with pytest.raises(SettingsError, match="is not valid TOML"):
        read_toml(path)
