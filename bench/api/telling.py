"""How Python users are told things: notices as warnings' poorer cousins, on standard error; progress where someone looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console

from bench.api.carrying import Watch
from bench.engine.outlook import Outlook
from bench.engine.work import Listener, Work
from bench.show.live import LiveDisplay


def tell(text: str) -> None:
    """Tell the user something that stops nothing."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def watched(folder: Path, *, show: bool) -> Iterator[Watch]:
    """Yield what shows progress, in a notebook as on a terminal; an interrupt is told what is saved, and goes on."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)

    def watch(work: Work, outlook: Outlook) -> LiveDisplay | nullcontext[Listener]:
        return LiveDisplay(work, outlook, console) if show else nullcontext(Listener())

    try:
        yield watch
    except KeyboardInterrupt:
        tell(f"interrupted; what is done is saved in {folder}, and the same call goes on from there")
        raise
