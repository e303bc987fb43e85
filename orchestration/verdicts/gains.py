"""The cases that rounds turned green. At a landing they must still pass, with all that landed meanwhile; on a red base nothing else
would show it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from orchestration.models import TreeVerdict
from orchestration.verdicts import store
from orchestration.verdicts.evidence import Cases, CheckRun


def added(base: Mapping[str, CheckRun], rounds: Iterable[int], checks_hash: str) -> dict[str, CheckRun]:
    """The checks on the tip, as if what these rounds made pass had passed there."""
    merged = dict(base)
    verdicts = TreeVerdict.objects.filter(round__in=list(rounds), kind=TreeVerdict.Kind.ROUND, checks_hash=checks_hash)
    for verdict in {row.round_id: row for row in verdicts.order_by("pk")}.values():
        start = store.newest(verdict.workspace_id, verdict.base_tree, checks_hash)
        if start is None:
            continue
        before = store.runs_of(start)
        for name, run in store.runs_of(verdict).items():
            if name in merged and name in before:
                merged[name] = _with_gains(merged[name], run.cases, before[name].cases)
    return merged


def _with_gains(tip: CheckRun, now: Cases | None, before: Cases | None) -> CheckRun:
    """A case that failed before the round and is no longer on the tip was removed by others: it is no gain."""
    on_tip = tip.cases
    if on_tip is None or not on_tip.any or now is None or before is None:
        return tip
    removed = before.names - on_tip.names
    gains = now.passed - before.good - on_tip.good - removed
    failed = {name: text for name, text in on_tip.failed.items() if name not in gains}
    return replace(tip, cases=replace(on_tip, passed=on_tip.passed | gains, failed=failed, skipped=on_tip.skipped - gains))
