"""Files that appear whole or not at all."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import StoreError
from bench.store.fonts import save_drawn
from gmvae.disk import sync_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_JSON_BYTES = 16 * 2**20


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it; readers see the old file or the new one.

    Raises
    ------
    StoreError
        If the folder cannot be written to or the disk is full; `path` is then as it was.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror or error}; free space, fix its permissions, or name another folder"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically."""
    write_text(path, json.dumps(content, indent=2, default=str) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text, atomically."""
    write_atomically(path, lambda temporary: _write_text(temporary, text))


def write_figure(figure: "Figure", path: Path) -> None:
    """Write a figure to a file, whole or not at all; the name's ending says in which format."""
    write_atomically(path, lambda temporary: save_drawn(figure, temporary, dpi=150))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    StoreError
        If the file is absent, absurdly large, or holds no JSON object.
    """
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise StoreError(f"{path} has {path.stat().st_size:,} bytes; a run writes less than {_MAX_JSON_BYTES:,} there")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path} cannot be read ({error}); is {path.parent} the folder of a run?") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path} holds {type(content).__name__}, expected a JSON object")
    return content


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
