"""Two commits of a workspace's repository, compared by git: file by file, for pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.diffs import parse
from dashboard.diffs.parse import Change
from orchestration.repositories.patches import WHOLE_PATCH_BYTES, NotReadable, check, merge_base, patch, read_diff

LIST_BYTES = 4_000_000
PATCH_BYTES = 3_000_000

__all__ = ["WHOLE_PATCH_BYTES", "Listed", "NotReadable", "listed", "merge_base", "patch", "patches"]


@dataclass(frozen=True)
class Listed:
    """The changes between two commits. `whole`: none was cut off."""

    changes: list[Change]
    whole: bool


def listed(repo: str, base: str, commit: str) -> Listed:
    """Raises NotReadable."""
    check(repo, base, commit)
    output, whole = read_diff(repo, "--raw", "--numstat", "-z", "--no-abbrev", base, commit, limit_bytes=LIST_BYTES)
    if not whole:
        output = output[: output.rfind(b"\0") + 1]
    return Listed(parse.changes(parse.decoded(output)), whole)


def patches(repo: str, base: str, commit: str, chosen: Sequence[Change]) -> list[list[list[str]]]:
    """The sections of each chosen change, in order; empty for those beyond PATCH_BYTES. Raises NotReadable."""
    names = [path for change in chosen for path in (change.old_path, change.path) if path]
    if not names:
        return []
    output, whole = read_diff(repo, "--patch", base, commit, "--", *names, limit_bytes=PATCH_BYTES)
    text = parse.decoded(output)
    per_change = parse.by_change(chosen, text)
    return per_change if whole or len(chosen) == 1 else _without_last(per_change)


def _without_last(per_change: list[list[list[str]]]) -> list[list[list[str]]]:
    """Drop the last section, which is truncated and would look complete."""
    last = max((n for n, sections in enumerate(per_change) if sections), default=-1)
    return [[] if n == last else sections for n, sections in enumerate(per_change)]
