"""The versions of a page's live regions: what a page says that it shows, and whether a region has changed since."""

import hashlib
import re

MAX_NAMES = 40

# What differs although nothing changed: the CSRF token, which is masked anew, and clocks, which count by themselves.
_TOKEN = re.compile(r'(?<=name="csrfmiddlewaretoken" value=")[^"]*')
_CLOCK = re.compile(r'(<time class="num" data-(?:ago|since)="[^>]*>)[^<]*')


def parse(text: str) -> dict[str, str]:
    """`nav,header:1f0c` as names with the version that the page shows; empty: none."""
    pairs = (part.partition(":") for part in text.split(",")[:MAX_NAMES] if part)
    return {name: version for name, _, version in pairs}


def of(html: str) -> str:
    return hashlib.blake2b(_CLOCK.sub(r"\1", _TOKEN.sub("", html)).encode(), digest_size=6).hexdigest()
