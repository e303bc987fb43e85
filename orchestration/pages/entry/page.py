"""The page of one entry, and what a person may do to it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from budget.charts import rounds as rounds_chart
from budget.charts.bullet import Use
from budget.models import Account, BudgetChange, Category, LedgerEntry, RoundSpend
from orchestration import entries, queries
from orchestration.executor import explain
from orchestration.forms import ReasonForm, RoundsForm, checked
from orchestration.models import Entry, Round, Session
from orchestration.pages import backlog, wording
from orchestration.pages.budget import by_entry, changes
from orchestration.pages.regions import names_of
from orchestration.pages.scene import Region, Scene, done, in_workspace, show
from orchestration.pages.strip import STRIP
from workspaces.access import Need

VERBS: dict[str, tuple[Callable[..., Entry], str]] = {
    "hold": (entries.hold, "is held back until someone releases it"),
    "release": (entries.release, "is back in line"),
    "done": (entries.mark_done, "is marked done; nothing was merged"),
}


@in_workspace()
def page(scene: Scene, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(scene.workspace.pk, entry_id)
    regions = STRIP | {
        "standing": Region("entry.html#standing", lambda scene: standing(scene, entry)),
        "purse": Region("entry.html#purse", lambda scene: purse(scene, entry)),
        "rounds": Region("entry.html#rounds", lambda scene: rounds(entry)),
        "sessions": Region("entry.html#sessions", lambda scene: sessions(entry)),
    }
    return show(scene, "entry.html", regions, entry=entry)


@require_POST
@in_workspace(Need.OPERATE)
def act(scene: Scene, entry_id: str, verb: str) -> HttpResponse:
    entry = queries.entry_for(scene.workspace.pk, entry_id)
    do, sentence = VERBS[verb]
    do(entry, by=scene.caller, reason=checked(ReasonForm(scene.request.POST))["reason"])
    return done(scene, f"#{entry.seq} {sentence}")


@require_POST
@in_workspace(Need.OPERATE)
def reverify(scene: Scene, entry_id: str) -> HttpResponse:
    entry = entries.reverify(queries.entry_for(scene.workspace.pk, entry_id), by=scene.caller)
    return done(scene, f"#{entry.seq} will be verified again, without implementing")


@require_POST
@in_workspace(Need.OPERATE)
def set_rounds(scene: Scene, entry_id: str) -> HttpResponse:
    wanted = checked(RoundsForm(scene.request.POST))["rounds"]
    entry = entries.set_rounds(queries.entry_for(scene.workspace.pk, entry_id), wanted, by=scene.caller)
    return done(scene, f"#{entry.seq} may make {wanted} {'round' if wanted == 1 else 'rounds'}")


def standing(scene: Scene, entry: Entry) -> dict[str, Any]:
    """Where it stands: its row of the backlog, and every check of the executor in its order."""
    row = backlog.rows(scene, [entry])[0]
    found = explain.reasons(scene.workspace.pk, [entry.pk]).get(entry.pk) if entry.status != Entry.Status.DONE else None
    checks = found.checks if found else []
    names = names_of(scene, {check.holder for check in checks if check.holder})
    waiting = list(Entry.objects.filter(dependencies__depends_on=entry, deleted_at__isnull=True).order_by("seq")[:200])
    return {
        "row": row,
        "entry": entry,
        "spec": _spec(entry),
        "dependents": waiting,
        "locks": list(entry.locks.order_by("path").values_list("path", flat=True)),
        "can_reverify": entry.status != Entry.Status.IN_PROGRESS and entry.has_rounds,
        "checks": [
            {
                "name": wording.CHECKS.get(check.code, wording.REASONS.get(check.code, check.code).capitalize()),
                "passed": check.passed,
                "observed": wording.linked(check.observed, names),
                "needed": check.needed,
            }
            for check in checks
        ],
    }


def rounds(entry: Entry) -> dict[str, Any]:
    costs = dict(RoundSpend.objects.filter(account_id=entry.pk).values_list("number", "cost"))
    made = list(Round.objects.filter(entry=entry).order_by("-number"))
    told = rounds_of_money(made[::-1], costs, guessed(entry))
    shown = [
        {"round": one, "cost": costs.get(one.number, 0), "checks": [queries.shown_check(check) for check in one.checks]}
        for one in made
    ]
    drawn = {"rounds_chart": rounds_chart.draw(told), "rounds_table": rounds_chart.table(told)} if told else {}
    return {"rounds": shown, "total": sum(costs.values()), **drawn}


def rounds_of_money(made: Sequence[Round], costs: Mapping[int, int], guesses: set[int]) -> list[rounds_chart.Round]:
    """Each round as the chart shows it, oldest first: what it cost beside what it improved."""
    told, best = [], 0.0
    for one in made:
        better = one.score is not None and one.score > best
        outcome = (
            "open" if one.verdict == Round.Verdict.OPEN else "failed" if one.score is None else "kept" if better else "level"
        )
        best = max(best, one.score or 0.0)
        told.append(rounds_chart.Round(one.number, one.score, costs.get(one.number, 0), outcome, estimated=one.number in guesses))
    return told


def guessed(entry: Entry) -> set[int]:
    """The rounds whose cost no agent reported in full: some of it comes from the price table, or from the hold."""
    unreported = LedgerEntry.objects.filter(
        account_id=entry.pk, category=Category.ENTRY, price_source=LedgerEntry.PriceSource.COMPUTED
    )
    return {number for number in unreported.order_by().values_list("round", flat=True).distinct() if number}


def purse(scene: Scene, entry: Entry) -> dict[str, Any]:
    """What it may spend and spent, the limit above it, and who changed that."""
    account = Account.objects.get(pk=entry.pk)
    name, left = by_entry.parent(scene.project)
    made = BudgetChange.objects.filter(account_id=entry.pk).order_by("-id")[:10]
    return {
        "account": account,
        "use": Use(account.spent, account.held, account.budget),
        "worth": by_entry.worth_of([entry.pk]).get(entry.pk, by_entry.Worth()),
        "parent": name,
        "parent_left": left,
        "purse_left": min(account.headroom, left),
        "binds": left < account.headroom or not account.own_budget,
        "history": [changes.shown(change) for change in made],
    }


def sessions(entry: Entry) -> dict[str, Any]:
    made = Session.objects.filter(entry=entry).select_related("hold").order_by("-attempt")
    return {"sessions": [{"session": session, "status": queries.shown_status(session)} for session in made[:100]]}


def _spec(entry: Entry) -> list[tuple[str, str, Any]]:
    """(name, kind, value): lists as lists, text as text, the rest as JSON."""
    shown: list[tuple[str, str, Any]] = []
    for name, value in entry.spec.items():
        label = name.replace("_", " ").capitalize()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            shown.append((label, "files" if name.startswith("files_") else "list", value))
        elif isinstance(value, str):
            shown.append((label, "text", value))
        elif value:
            shown.append((label, "json", json.dumps(value, indent=2, ensure_ascii=False)))
    return shown
