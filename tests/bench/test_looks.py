"""Colours of figures: legible on white and on dark paper, and contrasts as WCAG 2 has them."""

import re

import pytest
from matplotlib.figure import Figure

from bench.show.style import _LOOKS, _OTHERS, DARK_PAPER, INK, PAPER, contrast, dark_of, readable
from bench.show.svg import embed, scheme


@pytest.mark.parametrize(
    ("one", "other", "ratio"), [("#000000", "#ffffff", 21.0), ("#ffffff", "#ffffff", 1.0), ("#777777", "#ffffff", 4.48)]
)
def test_contrasts_are_those_of_the_standard(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


@pytest.mark.parametrize("color", sorted({look.color for look in (*_LOOKS.values(), *_OTHERS)} | {INK}))
def test_every_name_can_be_read_on_white_and_on_dark_paper(color: str) -> None:
    assert contrast(readable(color), PAPER) >= 4.5
    assert contrast(dark_of(readable(color)), DARK_PAPER) >= 4.5
    # What can be read already stays as it is.
    assert readable(readable(color)) == readable(color)


def test_a_figure_in_a_page_takes_its_colours_from_it() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#0072B2")
    axes.text(0.5, 0.5, "<b> & c", color="#010101")
    axes.text(0.2, 0.2, '#0072b2 id="z" base64,"q"')
    picture = embed("label-efficiency", 'a "caption"', figure)
    assert "#0072b2" in picture.colors
    assert "#010101" not in picture.colors
    assert "stroke: var(--c0072b2)" in picture.svg
    assert "&lt;b&gt; &amp; c" in picture.svg
    # Words are not ours to change.
    assert re.search(r'#0072b2 id=(&quot;|")z(&quot;|") base64,(&quot;|")q', picture.svg)
    assert "a &#34;caption&#34;" in picture.svg
    assert all(name.startswith("label-efficiency-") for name in re.findall(r'<[^>]*\bid="([^"]+)"', picture.svg))
    assert ("--c0072b2", "#0072b2", dark_of("#0072b2")) in scheme(picture.colors)
    # The same figure is the same text.
    assert embed("label-efficiency", 'a "caption"', figure).svg == picture.svg
