"""Muster's record of a working copy: in a folder beside it that no agent is given, so that nothing in it has to be doubted."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from orchestration.git.clones.safety import untrusted

RECORDS = ".records"


@dataclass(frozen=True, slots=True)
class State:
    """`tip`: the commit of the entry's work; all that was in the files when it was made. `base`, `base_name`: the integration commit that is
    merged into it, and its branch. `delivered`: where the entry's branch in the user's repository was last put. `is_moving`: the files are
    being brought to `tip`, and no agent has run since that began. `placed`: identity of the index in the clone's .git."""

    tip: str
    base: str
    base_name: str
    delivered: str = ""
    is_moving: bool = True
    placed: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one working copy: its state, Muster's own index of its files, and whether its setup is complete."""

    folder: Path

    @classmethod
    def of(cls, path: Path) -> Self:
        return cls(path.parent / RECORDS / path.name)

    @property
    def index(self) -> Path:
        return self.folder / "index"

    @property
    def set_up(self) -> Path:
        return self.folder / "set-up"

    def is_set_up(self, home: str) -> bool:
        try:
            return self.set_up.read_text() == home
        except FileNotFoundError:
            return False

    def read(self) -> State | None:
        """None: Muster has no such working copy."""
        try:
            return State(**json.loads((self.folder / "state.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, state: State) -> None:
        """Replaces the state at once, so that a crash leaves the old one or the new one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / "state.json.new"
        new.write_text(json.dumps(asdict(state)))
        new.replace(self.folder / "state.json")

    def release_lock(self) -> None:
        """Remove the lock of a git that was killed: only Muster's git writes this index, and only one at a time."""
        (self.folder / "index.lock").unlink(missing_ok=True)

    def remove(self) -> None:
        """Last, so that a crash leaves what can be removed again."""
        if self.folder.exists():
            untrusted.remove(self.folder)
