"""Names in any script: from a font that has them, or one line that says that none has."""

import io
import logging

import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from bench.store import fonts


def drawn(text: str) -> Figure:
    figure = Figure()
    figure.subplots().set_title(text)
    return figure


@pytest.fixture(autouse=True)
def _fresh() -> None:
    for cached in (fonts._families, fonts._say_missing):
        cached.cache_clear()


def test_a_font_is_found_for_what_the_usual_one_lacks() -> None:
    usual, other = (font_manager.findfont(name, fallback_to_default=False) for name in ("DejaVu Sans", "STIXGeneral"))
    # Both come with matplotlib.
    lacking = min(filter(str.isprintable, fonts._characters_of(other) - fonts._characters_of(usual)))
    figure = drawn(f"a{lacking}")
    fonts.save_drawn(figure, io.BytesIO(), format="png")
    first, *others = figure.axes[0].title.get_fontfamily()
    assert first == "DejaVu Sans"
    assert any(lacking in fonts._characters_of(font_manager.findfont(name)) for name in others)


def test_characters_that_no_font_has_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    lacking = "\N{CUNEIFORM SIGN A}"
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            fonts.save_drawn(drawn(f"class {lacking}"), io.BytesIO(), format="png")
    assert [record.getMessage() for record in caplog.records] == [
        f"no installed font has {lacking}: figures show boxes there; install a font that has them, such as Noto (CJK, Emoji)"
    ]


def test_usual_names_keep_the_usual_font() -> None:
    figure = drawn("größe, π, кот")
    fonts.save_drawn(figure, io.BytesIO(), format="png")
    assert figure.axes[0].title.get_fontfamily() == ["sans-serif"]


@pytest.mark.parametrize("name", ["US$ 5", "$x_1$ and $", r"$\frac$"])
def test_a_dollar_sign_is_no_formula(name: str) -> None:
    fonts.save_drawn(drawn(name), io.BytesIO(), format="png")
