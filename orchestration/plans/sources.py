"""Plans from files and folders: one file, or the files that belong together in a tool's folder."""

import sys
from pathlib import Path

from orchestration.plans.readers import all_readers
from orchestration.plans.readers.shared import bundle
from orchestration.plans.readers.shared.items import MAX_BYTES

GENERIC = ("tasks", "plan", "todo", "issues", "-")


class NoPlan(Exception):
    """There is nothing to read, or not as text. The message is a sentence."""


def read(name: str) -> str:
    """The text of a file, of a folder, or of stdin for `-`. Raises NoPlan."""
    if name == "-":
        return _decoded("stdin", sys.stdin.buffer.read(MAX_BYTES + 1))
    path = Path(name)
    if path.is_dir():
        return bundle.join([(str(file), _text(file)) for file in _files(path)])
    proposal = path.with_name("proposal.md")
    if path.name == "tasks.md" and proposal.is_file():
        return bundle.join([(str(file.resolve()), _text(file)) for file in (proposal, path)])
    return _text(path)


def default_name(name: str) -> str:
    """The name of a plan without one of its own: its file's name, unless every plan's file is called so."""
    stem = Path(name).stem
    return "" if stem in GENERIC else stem


def _files(folder: Path) -> list[Path]:
    if (folder / "tasks.md").is_file():
        proposal = folder / "proposal.md"
        return [*([proposal] if proposal.is_file() else []), folder / "tasks.md"]
    places = [place for reader in all_readers().values() for place in reader.places]
    for place in places:
        if (folder / place).is_file():
            return [folder / place]
        if (folder / place).is_dir():
            return _files(folder / place)
    if files := sorted(folder.glob("*.md")):
        return files
    raise NoPlan(f"{folder}: there is no tasks.md here, nor {', '.join(places)}")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NoPlan(f"{path}: the file is larger than 1 MiB")
        return _decoded(str(path), path.read_bytes())
    except OSError as error:
        raise NoPlan(f"{path}: {error.strerror}") from None


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NoPlan(f"{name}: this is not UTF-8 text") from None
