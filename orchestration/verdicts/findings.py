"""The problems of a report's cases, compared with the base's, as sentences for an agent: causes before consequences. Pure."""

from collections.abc import Collection, Iterable

from orchestration.verdicts.evidence import Cases

MAX_FINDINGS = 20
MAX_CONSEQUENCES = 3


def of_cases(
    now: Cases, before: Cases, *, missing: Collection[str], broken: Collection[str], unmet: Collection[str], all_must_pass: bool
) -> list[str]:
    """`missing`, `broken`: passed before, and are gone or fail now. `unmet`: target tests that do not pass.

    A file that cannot be imported ends a whole run of pytest, and all cases are missing: the failures are the cause and come first.
    """
    failing = [name for name in sorted(unmet) if name in now.failed and name not in broken]
    listed = {*broken, *failing}
    others = [
        name for name in sorted(now.failed) if name not in listed and (all_must_pass or (missing and name not in before.failed))
    ]
    causes = [
        *(f"{name} passed before: {now.failed[name]}" for name in sorted(broken)[:MAX_FINDINGS]),
        *(f"target {name}: {now.failed[name]}" for name in failing[:MAX_FINDINGS]),
        *(f"{name}: {now.failed[name]}" for name in others[:MAX_FINDINGS]),
    ]
    limit = MAX_CONSEQUENCES if causes else MAX_FINDINGS
    not_run = [f"target {name}: it did not run" for name in sorted(unmet) if name not in now.failed]
    return [*causes, *not_run[:limit], *_missing(missing, limit)]


def _missing(names: Iterable[str], limit: int) -> list[str]:
    ordered = sorted(names)
    more = len(ordered) - limit
    lines = [f"{name} is gone or skipped, and passed before" for name in ordered[:limit]]
    return [*lines, f"{more} more that passed before are gone or skipped"] if more > 0 else lines
