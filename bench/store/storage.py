"""Where trainings put what must outlive their process: a folder, or an object store, that every node sees."""

import io
import re
import shutil
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from pyarrow import ArrowException, fs

from bench.errors import StoreError
from bench.store.locations import OPTION, shown_scheme, shown_storage, without_secrets
from gmvae.disk import sync, sync_folder
from gmvae.errors import first_line

_URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
# With two letters at least: others are drives of Windows.
_ALMOST_URI = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
# Objects of these appear when their upload is complete; elsewhere a complete file is renamed.
_OBJECT_STORES = ("s3", "gcs", "abfs")
_CHUNK, PART = 1 << 22, ".part"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Storage:
    """Named files, each whole or absent. Only the location travels to workers; connections stay on their node."""

    location: str
    """A path, or a URI that pyarrow knows: `s3://bucket/folder`."""

    def inner(self, name: str) -> "Storage":
        """Return the storage of a folder in this one."""
        path, mark, query = self.location.partition("?") if _URI.match(self.location) else (self.location, "", "")
        return Storage(f"{path.rstrip('/')}/{name}{mark}{query}")

    def write(self, name: str, content: BinaryIO | bytes) -> None:
        """Write a file; readers see all of it or what was there before.

        Raises
        ------
        StoreError
            If the location cannot be reached or written to.
        """
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        try:
            system, root = self.resolved()
            if system.type_name == "local":
                _write_local(Path(root, name), source)
                return
            target = f"{root}/{name}"
            whole = system.type_name in _OBJECT_STORES
            part = target if whole else f"{target}.{uuid.uuid4().hex}{PART}"
            if not whole:
                system.create_dir(target.rpartition("/")[0], recursive=True)
            with system.open_output_stream(part) as sink:
                shutil.copyfileobj(source, sink, _CHUNK)
            if not whole:
                system.move(part, target)
        except (OSError, ArrowException) as error:
            raise self._error("written to", error) from error

    def check(self) -> None:
        """Make sure that files can be written here, by writing one: an object store fails no earlier.

        Raises
        ------
        StoreError
            If they cannot.
        """
        name = f"check-{uuid.uuid4().hex[:8]}"
        self.write(f"{name}/file", b"")
        self.clear(name)

    def read(self, name: str, file: Path) -> bool:
        """Copy a file to a local path; return whether there was one.

        Raises
        ------
        StoreError
            If the location cannot be reached.
        """
        try:
            system, root = self.resolved()
            with system.open_input_stream(f"{root}/{name}") as source, file.open("wb") as sink:
                shutil.copyfileobj(source, sink, _CHUNK)
        except FileNotFoundError:
            return False
        except (OSError, ArrowException) as error:
            raise self._error("read", error) from error
        return True

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        try:
            system, root = self.resolved()
            return bool(system.get_file_info(f"{root}/{name}").type == fs.FileType.File)
        except (OSError, ArrowException) as error:
            raise self._error("read", error) from error

    def clear(self, folder: str = "") -> None:
        """Delete a folder with all its files, and the storage's own if that leaves it empty; one that is absent is fine."""
        try:
            system, root = self.resolved()
            path = f"{root}/{folder}".rstrip("/")
            if system.get_file_info(path).type == fs.FileType.Directory:
                system.delete_dir(path)
            if not system.get_file_info(fs.FileSelector(root, allow_not_found=True)):
                system.delete_dir(root)
        except FileNotFoundError:
            pass
        except (OSError, ArrowException) as error:
            raise self._error("written to", error) from error

    def resolved(self) -> tuple[Any, str]:
        """Return pyarrow's file system and the path in it."""
        return _resolve(self.location)

    def _error(self, what: str, error: Exception) -> StoreError:
        return StoreError(
            f"the storage {shown_storage(self.location)} cannot be {what} "
            f"({without_secrets(first_line(error), self.location) if _URI.match(self.location) else first_line(error)}); "
            "free space, or give another --storage"
        )


def run_storage(asked: str | None, folder: Path, run_id: str) -> Storage:
    """Return where the trainings of a run keep their checkpoints: a folder of its own in `asked`, else one in the run's folder.

    What an earlier experiment of Tune left there is deleted: Tune always starts afresh.

    Raises
    ------
    StoreError
        If the location cannot be used.
    """
    storage = Storage(str(folder / CHECKPOINTS))
    if asked is not None:
        storage = parse_storage(asked).inner(f"{folder.name}-{run_id}")
        storage.check()
    storage.clear("tune")
    return storage


def parse_storage(text: str) -> Storage:
    """Return the storage that a user named; paths become absolute.

    Raises
    ------
    StoreError
        For a URI of a kind that pyarrow does not know, or with a password in it.
    """
    text = text.strip()
    if not _URI.match(text):
        if _ALMOST_URI.match(text):
            raise StoreError(f"--storage got {shown_scheme(text)}; expected a path or s3://bucket/folder, with two strokes")
        try:
            return Storage(str(Path(text).expanduser().resolve()))
        except (OSError, RuntimeError) as error:
            raise StoreError(f"--storage got {text!r}: {first_line(error)}; expected a path or s3://bucket/folder") from error
    kind, _, rest = text.partition("://")
    if _may_hold_a_key(kind.lower(), rest):
        raise StoreError(
            f"--storage {kind}://… holds a key; it would be saved with the run. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "on every node instead"
        )
    try:
        if not rest.strip("/"):
            raise ValueError("nothing follows ://")
        _resolve(text)
    except (OSError, ValueError, ArrowException) as error:
        reason = without_secrets(first_line(error), text)
        # The cause would show the URL.
        raise StoreError(f"--storage got {shown_storage(text)!r}: {reason}; expected a path or s3://bucket/folder") from None
    return Storage(text)


def _may_hold_a_key(kind: str, rest: str) -> bool:
    """Whether there is a user name, password or key in a URL; that of a key may hold any character."""
    user, at, _ = rest.rpartition("@")
    if kind == "abfs":
        # There a container stands before the @.
        return bool(re.search(r"[:/?]", user))
    return bool(at) or (kind == "s3" and ":" in rest.partition("/")[0])


def _write_local(target: Path, source: BinaryIO) -> None:
    """Write beside the target, to the disk, and rename; a failure leaves nothing behind."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}{PART}")
    try:
        with part.open("wb") as sink:
            shutil.copyfileobj(source, sink, _CHUNK)
            sync(sink)
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


@lru_cache
def _resolve(location: str) -> tuple[Any, str]:
    if not _URI.match(location):
        return fs.LocalFileSystem(), location.rstrip("/")
    if location.startswith("s3://"):
        return _resolve_s3(location)
    system, path = fs.FileSystem.from_uri(location)
    return system, path.rstrip("/")


def _resolve_s3(location: str) -> tuple[Any, str]:
    """Read `s3://bucket/folder?region=…&scheme=…&endpoint_override=…`, with timeouts."""
    path, _, query = location.removeprefix("s3://").partition("?")
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise ValueError("expected options as name=value") from None
    unknown = options.keys() - {"region", "scheme", "endpoint_override"}
    if unknown:
        name = min(unknown)
        # What is no name of an option may be a key.
        shown = f"unknown option {name}" if OPTION.fullmatch(name) else "got an unknown option"
        raise ValueError(f"{shown}; known are region, scheme, endpoint_override")
    # The defaults wait almost two minutes for a server that never answers.
    retry = fs.AwsStandardS3RetryStrategy(max_attempts=3)
    return fs.S3FileSystem(connect_timeout=3, request_timeout=20, retry_strategy=retry, **options), path.rstrip("/")
