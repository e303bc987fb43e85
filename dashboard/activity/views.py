"""The activity log: actor, object, before, after and reason. Append-only; people and automation are distinguishable."""

from collections.abc import Iterator
from datetime import date, datetime, time
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone

from budget.reads import csv_export
from dashboard.shared import fragments
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters, paging
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.texts import event_text
from orchestration.models import Entry
from workspaces.models import Event

HEAD = ["id", "at", "actor", "actor_kind", "verb", "object_id", "before", "after", "reason", "request_id"]
FROM_TO = {"from": "since", "to": "until"}
# name in the URL: (label, prefixes of its verbs)
ABOUT = {
    "executor": ("Executor", ("executor.",)),
    "session": ("Sessions", ("session.", "integration.")),
    "entry": ("Entries", ("entry.", "entries.", "backlog.", "view.")),
    "plan": ("Plans", ("plan.", "run.", "proposals.")),
    "locks": ("Locks", ("locks.",)),
    "budget": ("Money", ("budget.", "spend.", "permit.", "hold.")),
    "review": ("Reviews", ("review.",)),
    "agent": ("Agents and secrets", ("agent.", "secret.")),
    "notice": ("Notifications", ("channel.", "delivery.")),
    "workspace": ("Workspace", ("workspace.",)),
    "member": ("People", ("member.", "person.")),
    "token": ("Tokens", ("token.",)),
}
ACTORS = [("", "Anyone"), ("human", "People"), ("automation", "Automation")]


# The first and last representable days overflow in some time zones.
BELIEVABLE = [MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9000, 1, 1))]


class Filter(forms.Form):
    kind = forms.ChoiceField(choices=ACTORS, required=False)
    verb = forms.RegexField(r"^[a-z_.]{1,60}$", required=False)
    actor = forms.CharField(max_length=200, required=False)
    request = forms.RegexField(r"^[A-Za-z0-9-]{1,64}$", required=False)
    object = forms.RegexField(r"^#?[0-9]{1,15}$|^[A-Za-z]{2,6}_[A-Za-z0-9_-]{1,50}$", required=False)
    since = forms.DateField(required=False, validators=BELIEVABLE)
    until = forms.DateField(required=False, validators=BELIEVABLE)


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("format") == "csv":
        chosen, _ = filters.read(Filter, page_request, FROM_TO)
        rows = _filtered(page_request, chosen).order_by("id").iterator(chunk_size=1000)
        return csv_export.respond("-".join(filter(None, ["activity", chosen["verb"], chosen["kind"]])), HEAD, map(_line, rows))
    regions_ = HEADER | {"events": Region("activity/list.html#events", event_list)}
    return render_page(page_request, "activity/list.html", regions_)


def event_list(page_request: PageRequest) -> dict[str, Any]:
    chosen, ignored = filters.read(Filter, page_request, FROM_TO)
    cursor = {key: page_request.request.GET.get(key, "") for key in ("after", "before")}
    cut = paging.paginate(fragments.with_entries(_filtered(page_request, chosen)), "id", "id", descending=True, **cursor)
    return {
        "rows": [fragments.event_row(event) | {"change": event_text.change(event.data)} for event in cut.rows],
        "cut": cut,
        "chosen": chosen | {"from": chosen["since"], "to": chosen["until"]},
        "verbs": _verbs(chosen["verb"]),
        "actors": ACTORS,
        "ignored": ignored,
        "filtered": any(chosen.values()),
        "query": filters.query(page_request),
    }


def _verbs(chosen: str) -> list[tuple[str, str]]:
    """The choices, and the verb in the URL if it is a single one."""
    named = [("", "All actions"), *((name, word) for name, (word, _) in ABOUT.items())]
    return named if not chosen or chosen in ABOUT else [*named, (chosen, chosen)]


def _filtered(page_request: PageRequest, chosen: dict[str, Any]) -> QuerySet[Event]:
    events = Event.objects.filter(workspace=page_request.workspace)
    if chosen["kind"]:
        events = events.filter(actor_kind=chosen["kind"])
    if verb := chosen["verb"]:
        begins = ABOUT[verb][1] if verb in ABOUT else (f"{verb}.",)
        criteria = [Q(verb=verb)] if "." in verb else [Q(verb__startswith=prefix) for prefix in begins]
        events = events.filter(reduce(or_, criteria))
    if chosen["request"]:
        events = events.filter(request_id=chosen["request"])
    if chosen["actor"]:
        events = events.filter(actor=chosen["actor"])
    if name := chosen["object"]:
        events = events.filter(object_id__in=_objects(page_request, name))
    if chosen["since"]:
        events = events.filter(at__gte=_local(chosen["since"], time.min))
    if chosen["until"]:
        events = events.filter(at__lte=_local(chosen["until"], time.max))
    return events


def _objects(page_request: PageRequest, name: str) -> list[str]:
    """The ids that a filter names: one id, or those of an entry's number and its sessions."""
    if not name.removeprefix("#").isdigit():
        return [name]
    entry = Entry.objects.filter(workspace=page_request.workspace, seq=int(name.removeprefix("#"))).first()
    return [entry.pk, *entry.sessions.values_list("pk", flat=True)] if entry else []


def _local(day: Any, at: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, at))


def _line(event: Event) -> Iterator[Any]:
    change = event_text.change(event.data) or (None, None)
    yield from (
        event.pk,
        event.at,
        event.actor,
        event.actor_kind,
        event.verb,
        event.object_id,
        *change,
        event.reason,
        event.request_id,
    )
