"""Verdicts in the database: by tree and checks; the newest counts."""

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from orchestration.models import Round, TreeVerdict
from orchestration.verdicts.comparison import Result
from orchestration.verdicts.evidence import MAX_LISTED, Cases, CheckRun

Kind = TreeVerdict.Kind
_FIELDS = ("name", "command", "exit_code", "cause", "weight", "seconds", "tail", "scored_by")


def newest(workspace_id: str, tree: str, checks_hash: str, *, max_age: timedelta | None = None) -> TreeVerdict | None:
    """The verdict that counts for a tree, or None. Verdicts older than `max_age` are left out."""
    rows = TreeVerdict.objects.filter(workspace_id=workspace_id, tree=tree, checks_hash=checks_hash)
    if max_age is not None:
        rows = rows.filter(at__gt=Now() - max_age)
    return rows.order_by("-id").first()


def record(
    workspace_id: str,
    *,
    tree: str,
    commit: str,
    checks_hash: str,
    kind: Kind,
    runs: Sequence[CheckRun],
    result: Result | None = None,
    base_tree: str = "",
    round_: Round | None = None,
    seconds: float | None = None,
) -> TreeVerdict:
    """Keep what the checks said of a tree. Without a `result` it is a base: it passes by being what others are compared with. `seconds`: by
    default the sum of the checks'.
    """
    checks = list(result.checks) if result is not None else [run.as_json() for run in runs]
    for check, run in zip(checks, runs, strict=True):
        check["raw_score"], check["raw_passed"] = run.score, run.is_green
        check["raw_findings"] = list(run.findings)
    return TreeVerdict.objects.create(
        workspace_id=workspace_id,
        tree=tree,
        commit=commit,
        checks_hash=checks_hash,
        kind=kind,
        passed=result.passed if result is not None else True,
        base_tree=base_tree,
        round=round_,
        checks=checks,
        cases=_packed({run.name: run.cases for run in runs if run.cases is not None}),
        seconds=sum(run.seconds for run in runs) if seconds is None else seconds,
    )


def accept(verdict: TreeVerdict, *, by: str) -> TreeVerdict:
    """The same evidence, declared good by a person."""
    return TreeVerdict.objects.create(
        workspace_id=verdict.workspace_id,
        tree=verdict.tree,
        commit=verdict.commit,
        checks_hash=verdict.checks_hash,
        kind=Kind.ACCEPTED,
        passed=True,
        base_tree=verdict.base_tree,
        checks=verdict.checks,
        cases=bytes(verdict.cases),
        seconds=0,
        by=by,
    )


def runs_of(verdict: TreeVerdict) -> dict[str, CheckRun]:
    """The evidence of a stored verdict, by the names of its checks."""
    cases = _unpacked(bytes(verdict.cases))
    return {check["name"]: _run(check, cases.get(check["name"])) for check in verdict.checks}


def failing_in(check: Mapping[str, Any]) -> int:
    """The number of a check's failing cases: its list of them is cut. Of a check that an earlier release kept, those of the list."""
    return int(check.get("raw_failing", len(check["cases"]["failing"])))


def counted(verdict: TreeVerdict) -> list[dict[str, Any]]:
    """The checks of a verdict, each with the number of its failing cases, also where an earlier release kept it."""
    checks = list(verdict.checks)
    if not any("raw_failing" not in check and _is_cut(check) for check in checks):
        return checks
    kept = {name: of for name, of in _unpacked(bytes(verdict.cases)).items() if of.failed}
    return [{"raw_failing": len(kept[check["name"]].failed), **check} if check["name"] in kept else check for check in checks]


def _is_cut(check: Mapping[str, Any]) -> bool:
    return len((check.get("cases") or {}).get("failing", ())) >= MAX_LISTED


def is_green(verdict: TreeVerdict) -> bool:
    """True if every check passes by itself, without a comparison."""
    return all(check.get("raw_passed", check["passed"]) for check in verdict.checks)


def _run(check: Mapping[str, Any], cases: Cases | None) -> CheckRun:
    return CheckRun(
        **{name: check[name] for name in _FIELDS},
        score=check.get("raw_score", check["score"]),
        findings=tuple(check.get("raw_findings", check["findings"])),
        cases=cases,
        flaky=bool(check.get("flaky")),
    )


def _packed(cases: Mapping[str, Cases]) -> bytes:
    plain = {
        name: {
            "passed": sorted(of.passed),
            "failed": dict(sorted(of.failed.items())),
            "skipped": sorted(of.skipped),
            "flaky": sorted(of.flaky),
        }
        for name, of in cases.items()
    }
    return zlib.compress(json.dumps(plain, ensure_ascii=False).encode("utf-8", "surrogatepass")) if plain else b""


def _unpacked(packed: bytes) -> dict[str, Cases]:
    if not packed:
        return {}
    plain = json.loads(zlib.decompress(packed).decode("utf-8", "surrogatepass"))
    return {
        name: Cases(frozenset(of["passed"]), of["failed"], frozenset(of["skipped"]), frozenset(of["flaky"]))
        for name, of in plain.items()
    }
