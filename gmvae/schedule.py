"""The learning rate over a training."""

import math

# The one-cycle schedule rises over this share of the steps and ends at this share of the peak.
_RISE, _FLOOR = 0.1, 0.02


def one_cycle(progress: float) -> float:
    """Return the share of the peak learning rate when `progress` (0 to 1) of the steps are done (Smith & Topin 2019)."""
    if progress < _RISE:
        return 0.05 + 0.95 * progress / _RISE
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * (progress - _RISE) / (1 - _RISE)))
