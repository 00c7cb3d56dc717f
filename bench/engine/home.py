"""A home for users without one."""

import os
from pathlib import Path

_NOWHERE = "/nonexistent"


def ensure_home() -> None:
    """Give a user without a home, as in some containers, one that does not exist: libraries ask for its name and fail without."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = _NOWHERE
