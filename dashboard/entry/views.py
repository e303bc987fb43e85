"""The page of one entry: its status and one of its tabs. Only the chosen tab is built."""

from functools import partial
from typing import Any

from django import forms
from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, Subquery, Sum
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from budget.models import RoundSpend
from dashboard.budget import by_entry
from dashboard.entries.rows import rows
from dashboard.entry import brief, budget, dependencies, history, locks, preflight, rounds
from dashboard.shared import remedies
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration import reasons
from orchestration.models import Entry, Round, Session
from workspaces import ids
from workspaces.access import Need
from workspaces.errors import NotFound

# name: (label, regions with the function that builds each from the page request and the entry)
TABS = {
    "rounds": ("Rounds", {"rounds": rounds.region, "sessions": rounds.sessions_region}),
    "brief": ("Brief", {"brief": brief.region}),
    "deps": ("Dependencies", {"deps": dependencies.region}),
    "locks": ("Locks", {"paths": locks.region}),
    "budget": ("Budget", {"budget": budget.region}),
    "history": ("History", {"history": history.region}),
}


class TabFilter(forms.Form):
    tab = forms.ChoiceField(choices=[(name, word) for name, (word, _) in TABS.items()], required=False)


@require_safe
@in_workspace()
def page(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = _load(page_request, entry_id)
    chosen, ignored = filters.read(TabFilter, page_request)
    tab = chosen["tab"] or "rounds"
    regions = HEADER | {"status": Region("entry/entry.html#status", lambda page_request: status(page_request, entry))}
    for name, build in TABS[tab][1].items():
        regions[name] = Region(f"entry/entry.html#{name}", partial(build, entry=entry))
    if page_request.request.GET.get("fragment") == "preflight":  # opened by a person; refreshes itself from then on
        regions["preflight"] = Region("entry/entry.html#preflight", lambda page_request: preflight.checks(page_request, entry))
    return render_page(
        page_request,
        "entry/entry.html",
        regions,
        section="entries",
        entry=entry,
        chosen_tab=tab,
        tabs=[(name, word) for name, (word, _) in TABS.items()],
        ignored=ignored,
    )


def _load(page_request: PageRequest, entry_id: str) -> Entry:
    """The entry with its open session and its rounds' cost and gain, in one query. Raises NotFound."""
    spends = RoundSpend.objects.filter(account_id=OuterRef("account_id")).order_by().values("account_id")
    gains = Sum("improvement_score", filter=Q(improvement_score__gt=0))
    sums = {"round_count": Count("id"), "rounds_cost": Sum("cost"), "total_gain": gains}
    entries = Entry.objects.select_related("account", "workspace")
    entries = entries.annotate(session_rel=FilteredRelation("sessions", condition=Q(sessions__status__in=Session.OPEN)))
    fields = ("id", "phase", "round_number", "claimed_at")
    entries = entries.annotate(
        **{f"at_work_{name}": F(f"session_rel__{name}") for name in fields},
        changed=Exists(Round.objects.filter(entry=OuterRef("pk")).exclude(commit="")),
        **{name: Subquery(spends.annotate(**{name: summed}).values(name)) for name, summed in sums.items()},
    )
    entry = None
    if ids.is_id(entry_id):
        entry = entries.filter(pk=entry_id, workspace=page_request.workspace, deleted_at__isnull=True).first()
    if entry is None:
        raise NotFound("Entry not found")
    return entry


def status(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    """The entry's state in one sentence, since when, and its results so far; the same as its row of the backlog."""
    row = rows(page_request, [entry])[0]
    at_work = row["session"] is not None
    return {
        "entry": entry,
        "account": entry.account,
        "row": row,
        "since": row.get("since") or (row["session"].claimed_at if at_work else entry.reason_at or entry.updated_at),
        "worth": by_entry.Worth(entry.round_count or 0, entry.rounds_cost or 0, entry.total_gain or 0.0),  # type: ignore[attr-defined]
        "fix": _fix(page_request, entry),
        "changed": entry.changed,  # type: ignore[attr-defined]
        "may_dispatch": not at_work and entry.status != Entry.Status.DONE,
        "can_reverify": entry.status != Entry.Status.IN_PROGRESS and entry.has_rounds,
    }


def _fix(page_request: PageRequest, entry: Entry) -> tuple[str, str] | None:
    """The action that unblocks an entry where a release would not. None for users who may not take it."""
    found = reasons.words(entry.reason_code) if entry.status == Entry.Status.BLOCKED else None
    if found is None or found.returns_without is None or not page_request.may(Need[found.returns_without.upper()]):
        return None
    return remedies.link(entry, found.remedy)
