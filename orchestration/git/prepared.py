"""A session's working copy, and the commit of its work."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry's working copy. `base_sha`: where the entry's own changes begin. `tip`: of its branch. `fresh`: newly created. `conflicts`: git's
    messages on conflicts that preparing it left in its files. `unresolved`: files with a conflict that an earlier round left. `missing`: sentences
    on submodules that could not be had."""

    path: Path
    branch: str
    base_sha: str
    fresh: bool
    tip: str = ""
    conflicts: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """`sha`: of the work, also where there was nothing to commit. `findings`: what of the agent's own git was not taken over, and why."""

    sha: str
    findings: tuple[str, ...] = ()
