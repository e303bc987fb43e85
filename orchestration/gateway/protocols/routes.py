"""Paths of providers' APIs. The gateway's own prefix and the API's version may stand before them."""

from urllib.parse import unquote


def tail(path: str, *ends: str) -> str:
    """The part of the path from the longest of these ends that it has; empty: it has none, or is no plain path."""
    plain = unquote(path.partition("?")[0]).rstrip("/")
    if ".." in plain or "//" in plain or "\\" in plain or "%" in plain:
        return ""
    for end in sorted(ends, key=len, reverse=True):
        _, separator, after = plain.rpartition(f"/{end}")
        if separator and (not after or after.startswith("/")):
            return end + after
    return ""
