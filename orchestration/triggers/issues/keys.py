"""The keys of issues and of their labels, with the forge's part: another repository has issues of the same numbers, and another forge may give the same ids."""

import hashlib

from orchestration.configuration import Config
from orchestration.forges.shared.issues import Issue
from orchestration.models import IssueEntry


def source_of(config: Config) -> str:
    """A hash of the repository that the config names; empty where it names none."""
    if config.forge is None:
        return ""
    parts = "\n".join([config.forge.kind, config.forge.url.rstrip("/"), config.forge.repository])
    return hashlib.sha256(parts.encode()).hexdigest()[:12]


def key(id_: str, source: str) -> str:
    return f"{id_}@{source}"


def is_of(row: IssueEntry, config: Config) -> bool:
    """True if the config still names the repository of this issue."""
    return row.issue.rpartition("@")[2] == source_of(config)


def is_same(row: IssueEntry, issue: Issue) -> bool:
    """True if the forge's issue of this number is the entry's, not one of a repository that took over the name."""
    return row.issue.rpartition("@")[0] == issue.id
