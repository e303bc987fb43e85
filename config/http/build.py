"""Which build this is: by the content of what pages are made of, so that every host of one version says the same."""

import hashlib
from pathlib import Path


def of(*folders: Path) -> str:
    """Twelve characters that change with any file in these folders."""
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                found.update(path.relative_to(folder).as_posix().encode())
                found.update(path.read_bytes())
    return found.hexdigest()[:12]
