"""Output where the terminal or the pipe has no Unicode: plain signs instead of an error."""

import codecs
from typing import TextIO

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
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    if reconfigure is not None and not encoding.startswith("utf"):
        reconfigure(errors=_NAME)
