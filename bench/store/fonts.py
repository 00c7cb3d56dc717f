"""Fonts for names in any script: what the usual font lacks is taken from an installed one that has it."""

import logging
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOG = logging.getLogger("gmvae_bench")


def save_drawn(figure: "Figure", target: Any, **options: Any) -> None:
    """Save a figure with all its texts in fonts that have their characters; say once which characters no font has."""
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    characters = frozenset(character for text in texts for character in text.get_text() if character > "~")
    families, missing = _families(characters)
    for text in texts:
        # A dollar sign in a name is no formula. Those of axes are matplotlib's own.
        if not text.get_text().startswith(r"$\mathdefault"):
            text.set_parse_math(False)
            _measure_plainly(text)
    for text in texts if len(families) > 1 else ():
        text.set_fontfamily(list(families))
    _say_missing(missing)
    with warnings.catch_warnings():
        # Said above, in one line.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        # Names as long as the figure leave no room: it is drawn all the same.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        figure.savefig(target, **options)


def _measure_plainly(text: Any) -> None:
    """Keep matplotlib from reading formulas where it breaks lines, which it does whatever a text is set to."""
    measure = getattr(text, "_get_rendered_text_width", None)
    if measure is not None and text.get_wrap() and "$" in text.get_text():
        # As wide as the sign itself.
        text._get_rendered_text_width = lambda words: measure(words.replace("$", "S"))


@cache
def _families(characters: frozenset[str]) -> tuple[tuple[str, ...], str]:
    """Return the usual font and those that have what it lacks, and the characters that none has."""
    from matplotlib import font_manager

    usual = font_manager.findfont(font_manager.FontProperties())
    lacking = {character for character in characters if character.isprintable()} - _characters_of(usual)
    families = [font_manager.FontProperties(fname=usual).get_name()]
    # A font of last resort has a box for every character.
    fonts = [font for font in font_manager.fontManager.ttflist if "last resort" not in font.name.lower()]
    for font in sorted(fonts, key=lambda font: (str(font.weight) not in ("400", "normal"), font.style != "normal", font.name)):
        gained = lacking & _characters_of(font.fname) if lacking else set()
        if gained:
            families.append(font.name)
            lacking -= gained
    return tuple(families), "".join(sorted(lacking))


@cache
def _characters_of(path: str) -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _say_missing(characters: str) -> None:
    if characters:
        shown = " ".join(characters[:10]) + (" …" if len(characters) > 10 else "")
        _LOG.warning(
            "no installed font has %s: figures show boxes there; install a font that has them, such as Noto (CJK, Emoji)", shown
        )
