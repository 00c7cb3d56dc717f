"""One look per method, the same in every figure: colour-blind-safe, and told apart in grey by line and marker."""

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
