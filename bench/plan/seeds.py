"""Seeds from identity, never from order: the same cell has the same seed whatever else runs beside it."""

import hashlib
import json


def derive_seed(*identity: str | int | None) -> int:
    """Return a seed in [0, 2^31) that depends on `identity` alone."""
    digest = hashlib.sha256(json.dumps(identity).encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFF_FFFF
