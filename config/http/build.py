"""The build: a fingerprint of everything that pages and static files are made of, equal on all hosts of one version."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("django", "django-htmx", "whitenoise")  # their versions decide on files that we serve or on how files are named


def fingerprint(*sources: Path) -> str:
    """Twelve characters that change with the name or content of any of these files, those in folders included."""
    digest = hashlib.sha256(" ".join(map(version, PACKAGES)).encode())
    for source in sources:
        for path in _files(source):
            digest.update(path.relative_to(source.parent).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _files(source: Path) -> Iterator[Path]:
    return (path for path in sorted([source, *source.rglob("*")]) if path.is_file())
