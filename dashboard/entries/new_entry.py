"""One new entry by a form: what it asks of an agent, what it locks, what it waits for and what it may cost."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from budget import amounts
from dashboard.entries import adding, filters, search_language
from dashboard.plans.items import Item, Plan
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import Amount
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, show
from dashboard.shared.responses import SEE_OTHER
from orchestration.backlog import entries
from orchestration.models import Entry
from workspaces.access import Need
from workspaces.errors import Invalid

FIELDS = ("content", "requirements", "criteria", "creates", "modifies", "after", "priority", "budget", "rounds", "group", "alone")
# Which field a property of the API comes from. A plan says where things are by line: here the line is the field's place.
_FROM = {
    "content": "content",
    "spec": "modifies",
    "depends_on": "after",
    "priority": "priority",
    "budget_usd": "budget",
    "budget_rounds": "rounds",
    "parallel_group": "group",
    "parallelizable": "alone",
}
MOST_HITS = 12


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def page(page_request: PageRequest) -> HttpResponse:
    said = {name: page_request.request.POST.get(name, "") for name in FIELDS}
    if page_request.request.method != "POST":
        return _show(page_request, said | {"priority": "medium", "after": page_request.request.GET.get("after", "")[:200]}, {})
    value, wrong = _value(said)
    lines = {name: FIELDS.index(field) + 1 for name, field in _FROM.items()}
    checked = adding.checked(page_request, Plan("form", (Item(0, value, lines),)))
    for problem in checked.problems:
        wrong.setdefault(FIELDS[problem.line - 1] if problem.line else "content", problem.message)
    if wrong:
        return _show(page_request, said, wrong)
    try:
        made = entries.add(page_request.workspace.pk, checked.drafts, by=page_request.caller, once=adding.key(page_request))
    except Invalid as why:
        return _show(page_request, said, {"content": why.message})
    messages.success(page_request.request, f"#{made[0].seq} is added", extra_tags="good")
    if "another" in page_request.request.POST:
        return HttpResponseRedirect(reverse("entry-new", args=[page_request.workspace.pk]), status=SEE_OTHER)
    return HttpResponseRedirect(reverse("entry", args=[page_request.workspace.pk, made[0].pk]), status=SEE_OTHER)


def _value(said: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The API's shape, and what cannot be put into it."""
    wrong: dict[str, str] = {}
    spec = {
        "requirements": said["requirements"].strip().replace("\r\n", "\n") or None,
        "acceptance_criteria": _lines(said["criteria"]),
        "files_to_create": _lines(said["creates"]),
        "files_to_modify": _lines(said["modifies"]),
    }
    value: dict[str, Any] = {
        "content": said["content"].strip().replace("\r\n", "\n"),
        "spec": {name: one for name, one in spec.items() if one} or None,
        "depends_on": [name if not name.isdigit() else f"#{name}" for name in said["after"].replace(",", " ").split()],
        "priority": said["priority"] or "medium",
        "parallelizable": not said["alone"],
        "parallel_group": said["group"].strip() or None,
    }
    if said["budget"].strip():
        try:
            value["budget_usd"] = Decimal(Amount().clean(said["budget"])) / amounts.MICRO
        except ValidationError as error:
            wrong["budget"] = error.messages[0]
    if rounds := said["rounds"].strip():
        if rounds.isascii() and rounds.isdigit() and len(rounds) < 10:
            value["budget_rounds"] = int(rounds)
        else:
            wrong["rounds"] = "Write a whole number of rounds, or nothing for the usual"
    return value, wrong


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _show(page_request: PageRequest, said: dict[str, str], wrong: dict[str, str]) -> HttpResponse:
    regions = HEADER | {"hits": Region("entries/new.html#hits", hits)}
    context = {"said": said, "wrong": wrong, "key": adding.key(page_request), "priorities": search_language.PRIORITIES}
    response = show(page_request, "entries/new.html", regions, **context)
    if wrong:
        response.status_code = 422
    return response


def hits(page_request: PageRequest) -> dict[str, Any]:
    """Entries that what is typed into the little search finds, the newest first."""
    asked = search_language.parse(page_request.request.GET.get("find", ""))
    wanted = filters.Wanted(dict.fromkeys(("status", "reason", "locked"), ""), asked, [])
    found: list[Entry] = list(filters.matching(page_request.workspace.pk, wanted).order_by("-seq")[:MOST_HITS])
    return {"hits": found, "found_by": page_request.request.GET.get("find", "")}
