"""How Python users are told things: notices as warnings' poorer cousins, on standard error; progress where someone looks."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.api.carrying import Watch
from bench.engine.forecast import Forecast
from bench.engine.work import Listener, Work
from bench.show.live import LiveDisplay
from bench.store.fonts import save_drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def shown(figure: "Figure") -> "Figure":
    """Return a figure that a notebook shows by itself: those of matplotlib's `pyplot` alone do."""

    def png() -> bytes:
        buffer = io.BytesIO()
        save_drawn(figure, buffer, format="png", dpi=110)
        return buffer.getvalue()

    vars(figure)["_repr_png_"] = png
    return figure


def tell(text: str) -> None:
    """Tell the user something that stops nothing."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def watched(folder: Path, *, show: bool) -> Iterator[Watch]:
    """Yield what shows progress, in a notebook as on a terminal; an interrupt is told what is saved, and goes on."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)

    def watch(work: Work, forecast: Forecast) -> LiveDisplay | nullcontext[Listener]:
        return LiveDisplay(work, forecast, console) if show else nullcontext(Listener())

    try:
        yield watch
    except KeyboardInterrupt:
        tell(f"interrupted; what is done is saved in {folder}, and the same call goes on from there")
        raise
