"""The way back from a bulk edit of entries, where there is one without loss: all or none, as the edit itself."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.entries import refusals
from dashboard.entries.bulk_actions import entries_
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import Undo, done
from orchestration.backlog import entries, entry_actions
from orchestration.backlog.tree import leaves
from orchestration.lists.entries import backlog
from orchestration.models import Entry
from workspaces.access import Need
from workspaces.errors import Conflict, Invalid

CHANGED = "An entry was changed since: nothing was changed"
_DONE = {"hold": "back in line", "release": "on hold again", "priority": "of the priority from before again"}


class UndoForm(forms.Form):
    """`pick`: the entries, each with its priority from before. `now`: that since then."""

    do = forms.ChoiceField(choices=[(name, name) for name in _DONE])
    pick = forms.RegexField(r"^[a-z0-9_]+:[0-3](,[a-z0-9_]+:[0-3])*$", max_length=100_000)
    now = forms.ChoiceField(choices=[(name, name) for name in entries.PRIORITIES], required=False)


def offer(page_request: PageRequest, chosen: Sequence[Entry], form_data: dict[str, Any]) -> Undo | None:
    """To be asked before the edit is carried out. None: something of the entries' state before would be lost, such as a review or the rounds of a
    failed one."""
    do, rows = form_data["do"], list(chosen)
    if do == "priority":
        rows = leaves.with_children(rows)
    elif do not in _DONE or not all(_is_reversible(do, row) for row in rows):
        return None
    picks = ",".join(f"{row.pk}:{row.priority}" for row in rows)
    address = reverse("entries-bulk-undo", args=[page_request.workspace.pk])
    return Undo("Undo", address, {"do": do, "pick": picks, "now": form_data["priority"]})


def _is_reversible(do: str, row: Entry) -> bool:
    if row.is_container:
        return False
    return (row.status == Entry.Status.PENDING and not row.reason_code) if do == "hold" else _is_on_hold(row)


def _is_on_hold(row: Entry) -> bool:
    return row.status == Entry.Status.BLOCKED and row.on_hold


@require_POST
@in_workspace(Need.OPERATE)
def apply(page_request: PageRequest) -> HttpResponse:
    form_data = validated(UndoForm(page_request.request.POST))
    do, were = form_data["do"], dict(pair.split(":") for pair in form_data["pick"].split(","))
    rows = list(backlog(page_request.workspace.pk).filter(pk__in=were).order_by("seq"))
    if len(rows) != len(were) or not all(_is_as_left(do, row, form_data["now"]) for row in rows):
        raise Conflict(CHANGED)
    try:
        if do == "hold":
            entry_actions.resume_all(rows, by=page_request.caller)
        elif do == "release":
            entry_actions.put_all_on_hold(rows, by=page_request.caller)
        else:
            _restore_priorities(page_request, rows, were)
    except entry_actions.SomeRefuse as some:
        raise Invalid(refusals.of_many(some.refusals, len(rows)), "pick") from None
    return done(page_request, f"{entries_(len(rows))} {'is' if len(rows) == 1 else 'are'} {_DONE[do]}")


def _is_as_left(do: str, row: Entry, priority: str) -> bool:
    if do == "priority":
        return bool(priority) and row.priority == entries.PRIORITIES[priority]
    if do == "hold":
        return _is_on_hold(row)
    return row.status in (Entry.Status.PENDING, Entry.Status.IN_PROGRESS)


def _restore_priorities(page_request: PageRequest, rows: Sequence[Entry], were: dict[str, str]) -> None:
    """Entries above others come first: their children get the same."""
    alike: dict[tuple[int, int], list[Entry]] = defaultdict(list)
    for row in rows:
        alike[row.depth, int(were[row.pk])].append(row)
    for (_, priority), some in sorted(alike.items()):
        entry_actions.set_priorities(some, Entry.Priority(priority), by=page_request.caller)
