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


# Okabe & Ito's palette. Decoders of the model: solid; its latents: dash-dotted; clusterings without it: dotted; the rest: dashed.
_LOOKS = {
    "soft": Look("#0072B2", "-", "o"),
    "soft-bayes": Look("#56B4E9", "-", "s"),
    "hard": Look("#D55E00", "-", "v"),
    "hard-fallback": Look("#E69F00", "-", "^"),
    "latent-spreading": Look("#009E73", "-.", "D"),
    "latent-logreg": Look("#CC79A7", "-.", "P"),
    "kmeans-soft": Look("#56B4E9", ":", "x"),
    "vae-gmm-soft": Look("#CC79A7", ":", "1"),
    "gmm-soft": Look("#0072B2", ":", "+"),
    "label-spreading": Look("#009E73", "--", "d"),
    "self-training": Look("#CC79A7", "--", "p"),
    "knn": Look("#999999", "--", "h"),
    "logreg": Look("#E69F00", "--", "<"),
    "mlp": Look("#D55E00", "--", ">"),
    "xgboost": Look("#000000", "--", "*"),
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
