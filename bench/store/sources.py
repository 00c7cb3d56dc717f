"""Which sources this process runs: two nodes with the same version may still differ."""

import hashlib
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("gmvae", "baselines", "bench")


def package_version(name: str = "gmvae-bench") -> str:
    """Return the installed version of a package, or `unknown`."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


@cache
def fingerprint() -> str:
    """Return 16 hexadecimal digits that change with any source file of the project."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        root = Path(import_module(package).__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
