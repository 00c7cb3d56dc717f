"""One look per method, the same in every figure: colour-blind-safe, and told apart in grey by line and marker."""

import colorsys
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """How a method's line is drawn."""

    color: str
    line: str
    marker: str


INK, QUIET, GRID, FAINT, PAPER = "#1b1b1b", "#666666", "#dddddd", "#bcbcbc", "#ffffff"
"""Of texts, of lesser texts and lines, of grids, of lines that stand back, and behind all."""
BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
"""Okabe & Ito's palette."""

# Decoders of the model: solid; its latents: dash-dotted; clusterings without it: dotted; the rest: dashed.
_LOOKS = {
    "soft": Look(BLUE, "-", "o"),
    "soft-bayes": Look(SKY, "-", "s"),
    "soft-shares": Look("#332288", "-", "H"),
    "hard": Look(ORANGE, "-", "v"),
    "hard-fallback": Look(YELLOW, "-", "^"),
    "latent-spreading": Look(GREEN, "-.", "D"),
    "joint-spreading": Look("#882255", "-.", "X"),
    "latent-logreg": Look(PINK, "-.", "P"),
    "latent-poisson": Look(SKY, "-.", "d"),
    "joint-logreg": Look("#332288", "-.", "p"),
    "kmeans-soft": Look(SKY, ":", "x"),
    "vae-gmm-soft": Look(PINK, ":", "1"),
    "gmm-soft": Look(BLUE, ":", "+"),
    "label-spreading": Look(GREEN, "--", "d"),
    "self-training": Look(PINK, "--", "p"),
    "knn": Look("#999999", "--", "h"),
    "logreg": Look(YELLOW, "--", "<"),
    "mlp": Look(ORANGE, "--", ">"),
    "xgboost": Look(BLACK, "--", "*"),
}
# For all others: by colour first, then by marker.
_COLORS = ("#882255", "#44AA99", "#AA4499", "#117733", "#332288", "#999933")
_MARKERS = ("1", "2", "3", "4", "x", "+", "D", "s")
_OTHERS = [Look(color, "--", marker) for marker in _MARKERS for color in _COLORS]


def looks_of(methods: Iterable[str]) -> dict[str, Look]:
    """Return a look for each of some methods, no two alike.

    A method that the table above does not name gets one by its name alone, or the next that is free: the same in every figure.
    """
    looks: dict[str, Look] = {}
    for method in sorted(set(methods)):
        if method in _LOOKS:
            looks[method] = _LOOKS[method]
            continue
        first = int.from_bytes(hashlib.sha256(method.encode()).digest()[:4]) % len(_OTHERS)
        taken = set(looks.values())
        free = (look for look in (*_OTHERS[first:], *_OTHERS[:first]) if look not in taken)
        looks[method] = next(free, _OTHERS[first])
    return looks


# Where a page is dark: letters and lines that are no method's.
_DARK = {INK: "#e8e8e6", BLACK: "#e8e8e6", QUIET: "#a5a5a2", GRID: "#3a3a3a", FAINT: "#6a6a6a"}
DARK_PAPER = "#161616"
_LEGIBLE = 4.5


def readable(color: str, paper: str = PAPER) -> str:
    """Return a colour, or the nearest lightness of it in which words can be read on some paper (WCAG 2, level AA)."""
    hue, light, saturation = colorsys.rgb_to_hls(*_rgb(color))
    step = 0.01 if contrast(paper, "#ffffff") > contrast(paper, "#000000") else -0.01
    while contrast(color, paper) < _LEGIBLE and 0 <= light + step <= 1:
        light += step
        color = "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, light, saturation))
    return color


def dark_of(color: str) -> str:
    """Return what a figure's colour becomes where the page is dark."""
    return _DARK.get(color.lower()) or readable(color, DARK_PAPER)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it, 1 … 21."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _luminance(color: str) -> float:
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _rgb(color))
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
