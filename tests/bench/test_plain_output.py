"""Where the output has no Unicode, and where Ray's folder would be too deep: plain signs, a short folder."""

import io
from pathlib import Path

import pytest

from bench.cli.plain import write_plainly
from bench.errors import SettingsError
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


def test_a_configuration_may_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b'\xef\xbb\xbfdata = "digits"\r\n')
    assert read_toml(path) == {"data": "digits"}
    path.write_bytes(b"\xff\xfed\0")
    with pytest.raises(SettingsError, match="is not valid TOML"):
        read_toml(path)
