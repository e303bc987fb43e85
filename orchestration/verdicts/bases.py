"""The checks' results on the tree that work started from: what it is compared with."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils.timezone import now

from orchestration.configuration import Config
from orchestration.models import TreeVerdict
from orchestration.verdicts import scopes, store, targets
from orchestration.verdicts.evidence import CheckRun


@dataclass(frozen=True)
class Base:
    """`runs`: each check that can be compared, by name. `tree`: empty without checks. `is_doubtful`: it is old, or was made for an entry, and
    refuses no work before it is made anew."""

    tree: str = ""
    runs: dict[str, CheckRun] = field(default_factory=dict)
    is_doubtful: bool = False


def of(verdict: TreeVerdict, config: Config) -> Base:
    is_old = verdict.at < now() - timedelta(seconds=config.verdict_max_age_s)
    apart = scopes.entry_scoped(verdict.workspace_id, config)
    runs = {name: run for name, run in store.runs_of(verdict).items() if name not in apart}
    return Base(verdict.tree, runs, is_old or scopes.may_mislead(verdict, config))


def failing(workspace_id: str, tree: str, checks_hash: str, *, but: Iterable[str]) -> list[str]:
    """The cases that fail on a base, without those that these patterns name; empty while the base's verdict is not known."""
    verdict = store.newest(workspace_id, tree, checks_hash)
    if verdict is None:
        return []
    names = {name for run in store.runs_of(verdict).values() if run.cases is not None for name in run.cases.failed}
    return sorted(names.difference(*(targets.matching(pattern, names) for pattern in but)))
