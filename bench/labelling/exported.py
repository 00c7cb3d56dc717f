"""Labels from what Label Studio exports: JSON, or JSON-MIN."""

import json
from pathlib import Path
from typing import Any

from bench.errors import DataError
from bench.wording import printable

CHOICES = "label"
"""What the choices are called."""
_MAX_BYTES = 2**30


def exported_rows(path: Path) -> tuple[tuple[str, ...], list[tuple[int, dict[str, str]]]]:
    """Return column names and rows of a table of labels, each with its place in the export, from 1.

    Tasks without an annotation have no label; skipped annotations count as none.

    Raises
    ------
    DataError
        If it is no export of Label Studio, its tasks do not say which items they are, or annotators contradict each other.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path} has {path.stat().st_size:,} bytes; export at most {_MAX_BYTES:,}")
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is no JSON ({error}); export from Label Studio as JSON or JSON-MIN") from error
    if not isinstance(content, list) or not all(isinstance(task, dict) for task in content):
        raise DataError(f"{path} is no export of Label Studio: expected a list of tasks")
    rows = [(place, _row(path, place, task)) for place, task in enumerate(content, start=1)]
    names = tuple(dict.fromkeys(name for _, row in rows for name in row))
    if not {"item", "id"} & set(names):
        raise DataError(f"{path}: its tasks do not say which items they are; import what `select --label-studio` wrote")
    return names, [(place, dict.fromkeys(names, "") | row) for place, row in rows]


def _row(path: Path, place: int, task: dict[str, Any]) -> dict[str, str]:
    about = task["data"] if isinstance(task.get("data"), dict) else task
    row = {name: str(about[name]) for name in ("item", "id", "sampler") if name in about and about[name] is not None}
    # An id of JSON-MIN is the task's own, unless the data had one.
    if about is task and "item" in row:
        row.pop("id", None)
    said = _of_annotations(task) if "annotations" in task or "completions" in task else _choices(task.get(CHOICES))
    if len(set(said)) > 1:
        both = " and ".join(repr(printable(label)) for label in dict.fromkeys(said))
        raise DataError(f"{path}, task {place}: annotators say {both}; keep one")
    return row | {"label": said[0] if said else ""}


def _of_annotations(task: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for annotation in task.get("annotations") or task.get("completions") or ():
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        for result in annotation.get("result") or ():
            # Others are comments, ratings and the like.
            ours = isinstance(result, dict) and result.get("from_name", CHOICES) == CHOICES
            value = result.get("value") if ours else None
            found += _choices(value) if isinstance(value, dict) else []
    return found


def _choices(value: Any) -> list[str]:
    """Return what was chosen: a text, a list of texts, or either under `choices` (or `text`, where classes are typed)."""
    if isinstance(value, dict):
        value = value.get("choices", value.get("text"))
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
