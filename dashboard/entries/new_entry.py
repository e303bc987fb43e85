"""The form for one new entry: content, locked paths, dependencies and budget."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from budget import amounts
from dashboard.entries import adding, filters, search_language
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import AmountField
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import SEE_OTHER
from orchestration.backlog import entries
from orchestration.models import Entry
from orchestration.plans.items import Item, Plan
from workspaces.access import Need
from workspaces.errors import Invalid

FIELDS = ("content", "requirements", "criteria", "creates", "modifies", "after", "priority", "budget", "rounds", "group", "alone")
# API property to form field. A plan locates problems by line; here the line is the field's position.
_FIELD_OF = {
    "content": "content",
    "spec": "modifies",
    "depends_on": "after",
    "priority": "priority",
    "budget_usd": "budget",
    "budget_rounds": "rounds",
    "parallel_group": "group",
    "parallelizable": "alone",
}
MAX_HITS = 12


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def page(page_request: PageRequest) -> HttpResponse:
    form_data = {name: page_request.request.POST.get(name, "") for name in FIELDS}
    if page_request.request.method != "POST":
        return _render(
            page_request, form_data | {"priority": "medium", "after": page_request.request.GET.get("after", "")[:200]}, {}
        )
    value, wrong = _api_value(form_data)
    lines = {name: FIELDS.index(field) + 1 for name, field in _FIELD_OF.items()}
    checked = adding.check_plan(page_request, Plan("form", (Item(0, value, lines),)))
    for problem in checked.problems:
        wrong.setdefault(FIELDS[problem.line - 1] if problem.line else "content", problem.message)
    if wrong:
        return _render(page_request, form_data, wrong)
    try:
        created = entries.add(
            page_request.workspace.pk, checked.drafts, by=page_request.caller, idempotency_key=adding.form_key(page_request)
        )
    except Invalid as why:
        return _render(page_request, form_data, {"content": why.message})
    messages.success(page_request.request, f"#{created[0].seq} is added", extra_tags="good")
    if "another" in page_request.request.POST:
        return HttpResponseRedirect(reverse("entry-new", args=[page_request.workspace.pk]), status=SEE_OTHER)
    return HttpResponseRedirect(reverse("entry", args=[page_request.workspace.pk, created[0].pk]), status=SEE_OTHER)


def _api_value(form_data: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The entry in the API's shape, and the errors by field."""
    wrong: dict[str, str] = {}
    spec = {
        "requirements": form_data["requirements"].strip().replace("\r\n", "\n") or None,
        "acceptance_criteria": _lines(form_data["criteria"]),
        "files_to_create": _lines(form_data["creates"]),
        "files_to_modify": _lines(form_data["modifies"]),
    }
    value: dict[str, Any] = {
        "content": form_data["content"].strip().replace("\r\n", "\n"),
        "spec": {name: item for name, item in spec.items() if item} or None,
        "depends_on": [name if not name.isdigit() else f"#{name}" for name in form_data["after"].replace(",", " ").split()],
        "priority": form_data["priority"] or "medium",
        "parallelizable": not form_data["alone"],
        "parallel_group": form_data["group"].strip() or None,
    }
    if form_data["budget"].strip():
        try:
            value["budget_usd"] = Decimal(AmountField().clean(form_data["budget"])) / amounts.MICRO
        except ValidationError as error:
            wrong["budget"] = error.messages[0]
    if rounds := form_data["rounds"].strip():
        if rounds.isascii() and rounds.isdigit() and len(rounds) < 10:
            value["budget_rounds"] = int(rounds)
        else:
            wrong["rounds"] = "Write a whole number of rounds, or leave it empty for the default"
    return value, wrong


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _render(page_request: PageRequest, form_data: dict[str, str], wrong: dict[str, str]) -> HttpResponse:
    regions = HEADER | {"hits": Region("entries/new.html#hits", hits)}
    context = {
        "form_data": form_data,
        "wrong": wrong,
        "key": adding.form_key(page_request),
        "priorities": search_language.PRIORITIES,
    }
    response = render_page(page_request, "entries/new.html", regions, **context)
    if wrong:
        response.status_code = 422
    return response


def hits(page_request: PageRequest) -> dict[str, Any]:
    """The newest entries that match the dependency search."""
    search = search_language.parse(page_request.request.GET.get("find", ""))
    query = filters.EntryQuery(dict.fromkeys(("status", "reason", "locked"), ""), search, [])
    matches: list[Entry] = list(filters.matching(page_request.workspace.pk, query).order_by("-seq")[:MAX_HITS])
    return {"hits": matches, "search_words": page_request.request.GET.get("find", "")}
