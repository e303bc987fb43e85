"""The test files of an entry's spec. They judge its work: Muster restores them after each agent."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from orchestration.backlog.files import paths
from orchestration.models import Entry
from orchestration.sessions.folders import own_files

MAX_BYTES = 1_000_000


def of(entry: Entry) -> dict[str, str]:
    """Path to text."""
    return normalised(entry.spec.get("test_files") or {})


def normalised(files: Mapping[str, str]) -> dict[str, str]:
    return {paths.normalise(path): text for path, text in files.items()}


def put(files: Mapping[str, str], folder: Path) -> list[str]:
    """Restore the files in a working copy, while no agent runs there. Returns the missing and the changed ones."""
    different = [name for name, text in files.items() if not _stands(folder, name, text)]
    for name in different:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        own_files.write(folder, name, files[name])
    return different


def _stands(folder: Path, name: str, text: str) -> bool:
    """True if the file has this text. A file behind a link does not count."""
    path = folder / name
    if path.resolve() != folder.resolve() / name:
        return False
    try:
        with own_files.reading(path) as file:
            return file.read(MAX_BYTES) == text.encode()
    except OSError:
        return False
