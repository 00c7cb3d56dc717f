"""Texts of others, such as names of classes, columns and files, made fit to be shown: to a terminal, in Markdown, on one line."""

import unicodedata

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in "\\`[]<|"})
# They turn the order of what follows, and so may show a name as another.
_BIDI = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)))
# A terminal obeys these. Tab, line feed and what rich strips itself are left to it.
CONTROLS = dict.fromkeys((*range(14, 32), 127, *range(128, 160), *map(ord, _BIDI), *range(55296, 57344)), _UNKNOWN)


def printable(text: str) -> str:
    """Return a text with its control characters replaced by the sign for "unknown"."""
    return "".join(character if character.isprintable() or _is_harmless(character) else _UNKNOWN for character in text)


def printable_lines(text: str) -> str:
    """Return lines, each printable."""
    return "\n".join(map(printable, text.split("\n")))


def one_line(text: str) -> str:
    """Return a text without line breaks."""
    return " ".join(text.split())


def escape_markdown(text: str) -> str:
    """Return a text on one line of which Markdown makes no tag, link, picture, code or column."""
    return one_line(text).translate(_MARKDOWN)


def _is_harmless(character: str) -> bool:
    """Return whether a character is a kind of space, or joins letters as some scripts need."""
    return unicodedata.category(character) == "Zs" or character in "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
