"""Addresses of storages and databases in words: without anything in them that may be a password."""

import re
from typing import Any
from urllib.parse import unquote

from bench.errors import StoreError

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):")
OPTION = re.compile(r"[a-z_]{1,24}")
"""What a name of an option looks like."""
# Shorter pieces would be found in any text.
_SHORTEST = 3
_HIDDEN = "\N{HORIZONTAL ELLIPSIS}"


def parsed_database(url: str) -> Any:
    """Return SQLAlchemy's reading of a database's URL; `None` if it cannot be read."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        return None


def check_database(url: str) -> None:
    """Raise `StoreError` for what is no URL of a database."""
    if parsed_database(url) is None:
        raise StoreError(
            f"--study-storage got {shown_database(url)}: it is no URL of a database; expected one such as "
            "sqlite:///search.db or postgresql+psycopg2://user:password@host/database"
        )


def shown_database(url: str) -> str:
    """Return driver, host, port and name of a database; of a URL that cannot be read its scheme alone."""
    parsed = parsed_database(url)
    if parsed is None:
        return shown_scheme(url)
    # A password with an unescaped @ in it reaches into what is read as the host.
    host = (parsed.host or "").rpartition("@")[2]
    port = f":{parsed.port}" if parsed.port is not None else ""
    return f"{parsed.drivername}://{host}{port}/{parsed.database or ''}"


def shown_storage(location: str) -> str:
    """Return a path as it is, and of a URL kind, host or bucket, and path."""
    kind, mark, rest = location.partition("://")
    if not mark:
        return location if _SCHEME.match(location) is None else shown_scheme(location)
    return f"{kind}://{rest.partition('?')[0].rpartition('@')[2]}"


def shown_scheme(url: str) -> str:
    """Return the scheme of a URL of which nothing else may be shown."""
    scheme = _SCHEME.match(url)
    return f"{scheme[1] if scheme else ''}{':' if scheme else ''}{_HIDDEN}"


def without_secrets(text: str, url: str) -> str:
    """Return a message of a driver without anything that stands before the host in a URL, or among its options."""
    rest = url.partition(":")[2]
    place, _, query = rest.partition("?")
    before = rest.rpartition("@")[0]
    options = [option.partition("=") for option in query.split("&")]
    # Of an option its value; what has none may be anything.
    values = [value if mark or not OPTION.fullmatch(name) else name for name, mark, value in options]
    pieces = {url, *re.split(r"[:@/?&=]", before), *values, *(part for value in values for part in re.split(r"[:@/]", value))}
    if "@" not in rest and parsed_database(url) is None:
        pieces |= set(re.split(r"[:@/]", place))
    pieces |= {unquote(piece) for piece in pieces}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= _SHORTEST:
            text = text.replace(piece, _HIDDEN)
    return text
