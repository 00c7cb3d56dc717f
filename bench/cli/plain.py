"""Output where the terminal or the pipe has no Unicode: plain signs instead of an error."""

import codecs
from typing import TextIO

from bench.wording import CONTROLS

_PLAIN = dict(zip("─━│┃—", "--||-", strict=True)) | {
    "…": "...",
    "±": "+-",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "·": ".",
    "•": "*",
    "“": '"',
    "”": '"',
    "█": "#",
    "▁": "_",
    "²": "2",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{EN DASH}": "-",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}
_NAME = "gmvae_bench.plain"


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    written = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in written), error.end


def write_plainly(stream: TextIO) -> None:
    """Let a stream write a plain sign, or a question mark, for what its encoding lacks."""
    codecs.register_error(_NAME, _plain)
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors=_NAME)


def show_controls_as_unknown() -> None:
    """Let rich show the sign for "unknown" for what a terminal would obey; by itself it strips some, and not escape sequences."""
    from rich import control

    stripped = getattr(control, "_CONTROL_STRIP_TRANSLATE", None)
    if isinstance(stripped, dict):
        stripped.update(CONTROLS)
