"""The checks that look at the variables of their entry: those have no base, and a tree has no verdict of theirs that counts for others.

A check of scope `auto` is found out when it matters; the answer is kept with the hash of the checks.
"""

from collections.abc import Mapping

from django.db import transaction

from orchestration.configuration import Config
from orchestration.models import Integration, TreeVerdict
from orchestration.verdicts import checks_hash, store
from orchestration.verdicts.evidence import Cases, CheckRun

_WITHOUT_ENTRY = (TreeVerdict.Kind.BASELINE, TreeVerdict.Kind.TIP, TreeVerdict.Kind.LANDING)


def entry_scoped(workspace_id: str, config: Config) -> set[str]:
    """The names of the checks of scope `entry`, configured or found out."""
    kept = None
    if any(check.scope == "auto" for check in config.verify):
        kept = Integration.objects.filter(pk=workspace_id).values_list("entry_scoped", flat=True).first()
    return among(config, kept or {})


def among(config: Config, kept: Mapping[str, list[str]]) -> set[str]:
    """The names of the checks of scope `entry`, configured or detected. `kept`: those detected, from the integration branch's row."""
    names = {check.name for check in config.verify if check.scope == "entry"}
    automatic = {check.name for check in config.verify if check.scope == "auto"}
    return names | (automatic & set(kept.get(checks_hash.of(config), [])))


def may_mislead(verdict: TreeVerdict, config: Config) -> bool:
    """True if a verdict is no base to refuse work by: it had the variables of one entry, and checks of scope `auto` may look at them."""
    return verdict.kind not in _WITHOUT_ENTRY and any(check.scope == "auto" for check in config.verify)


def judging_alone(workspace_id: str, hash_: str) -> set[str]:
    """The checks that were good, or reported their cases, when they last ran without the variables of an entry. Rounds run with them, so
    their verdicts show nothing here."""
    verdicts = TreeVerdict.objects.filter(workspace_id=workspace_id, checks_hash=hash_, kind__in=_WITHOUT_ENTRY)
    verdict = verdicts.order_by("-pk").first()
    if verdict is None:
        return set()
    return {name for name, run in store.runs_of(verdict).items() if run.is_green or (run.cases is not None and run.cases.any)}


def gone(run: CheckRun, base: CheckRun | None) -> frozenset[str]:
    """The cases that the base reports and the run does not. A run with, or without, the variables of an entry that reports one of them
    again shows that the check looks at its entry."""
    return reported(base.cases if base is not None else None) - reported(run.cases)


def reported(cases: Cases | None) -> frozenset[str]:
    """The cases that ran."""
    return cases.good | frozenset(cases.failed) if cases is not None else frozenset()


def keep(workspace_id: str, config: Config, names: set[str]) -> None:
    """Remember checks that were found out to look at their entry. Answers for other checks are dropped."""
    if not names:
        return
    hash_ = checks_hash.of(config)
    with transaction.atomic():
        row = Integration.objects.select_for_update().filter(pk=workspace_id).first()
        if row is None:
            return
        kept = set(row.entry_scoped.get(hash_, []))
        Integration.objects.filter(pk=workspace_id).update(entry_scoped={hash_: sorted(kept | names)})
