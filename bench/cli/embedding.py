"""What `embed` does once its options are checked."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.cli.state import EXIT_INTERRUPTED, make_console, tell
from bench.data.reading import no_progress
from bench.data.registry import refuse_idle_folder
from bench.embedding.embed import embed_items
from bench.embedding.items import open_source
from bench.embedding.models import load_embedder
from bench.errors import number_of
from bench.plan.settings import make_settings


def embed_data(
    data: str,
    data_dir: Path | None,
    model: str,
    out: Path,
    text_column: str | None,
    batch_size: int,
    device: str,
    reading: Mapping[str, Any],
) -> None:
    """Embed data with progress, and say what was written."""
    console, progress = make_console(), make_console(stderr=True)
    refuse_idle_folder(data, data_dir)
    source = open_source(data, data_dir, make_settings(reading).reading, text_column, no_progress)
    for note in source.notes:
        tell(note)
    embedder = load_embedder(model, source.kind, device)
    columns = (TextColumn("embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=progress, disable=not progress.is_terminal) as bar:
            task = bar.add_task("embedding", total=len(source))
            vectors = embed_items(
                source, embedder, out, batch_size=batch_size, on_done=lambda done: bar.update(task, completed=done)
            )
    except KeyboardInterrupt:
        progress.print("interrupted; repeat the same command to go on")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    known = int((source.labels.codes >= 0).sum())
    console.print(
        f"{number_of(len(vectors), 'item')} ({source.kind}) as {vectors.shape[1]:,} numbers each by {embedder.name}; "
        f"{number_of(known, 'label')} of {number_of(len(source.labels.names), 'class', 'classes')}\nwritten: {out}",
        soft_wrap=True,
    )
    console.print(f"next: gmvae-bench run --data {shlex.quote(str(out))}", style="dim", soft_wrap=True)
