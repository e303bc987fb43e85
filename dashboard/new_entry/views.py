"""The form for one new entry: content, locked paths, dependencies and budget."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from budget import amounts
from dashboard.new_entry import adding
from dashboard.new_entry import form as entry_form
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import AmountField
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import SEE_OTHER
from dashboard.shared.texts import agent_choices
from orchestration.backlog import entries
from orchestration.edge import queries
from orchestration.landing import reads
from orchestration.lists import entries as lists
from orchestration.lists import search_language
from orchestration.models import Entry
from orchestration.plans.readers.shared.items import Item, Plan
from orchestration.verdicts import targets
from workspaces.access import Need
from workspaces.errors import Invalid

MAX_HITS = 12
MAX_FAILING = 200


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def page(page_request: PageRequest) -> HttpResponse:
    form_data = entry_form.submitted(page_request.request.POST)
    if page_request.request.method != "POST":
        return _render(page_request, form_data | _first_values(page_request), {})
    value, wrong = _api_value(form_data)
    checked = adding.check_plan(page_request, Plan("form", (Item(0, value, entry_form.LINES),)))
    for problem in checked.problems:
        field = entry_form.FIELDS[problem.line - 1] if problem.line else "content"
        wrong.setdefault(field, entry_form.in_words(field, problem.message, form_data))
    if wrong:
        return _render(page_request, form_data, wrong)
    try:
        created = entries.add(
            page_request.workspace.pk,
            checked.drafts,
            blocks_poor=True,
            by=page_request.caller,
            idempotency_key=adding.form_key(page_request),
        )
    except Invalid as why:
        return _render(page_request, form_data, {"content": why.message})
    messages.success(page_request.request, f"#{created[0].seq} is added", extra_tags="good")
    if "another" in page_request.request.POST:
        return HttpResponseRedirect(reverse("entry-new", args=[page_request.workspace.pk]), status=SEE_OTHER)
    return HttpResponseRedirect(reverse("entry", args=[page_request.workspace.pk, created[0].pk]), status=SEE_OTHER)


def _first_values(page_request: PageRequest) -> dict[str, str]:
    """`?copy=`: the values of another entry, to be changed before they are added. `?goal=`: what fails on the base is to pass."""
    after = page_request.request.GET.get("after", "")[:200]
    copied = page_request.request.GET.get("copy", "")
    if not copied:
        return {"priority": "medium", "after": after} | (_goal(page_request) if "goal" in page_request.request.GET else {})
    return entry_form.from_entry(queries.entry_for(page_request.workspace.pk, copied[:60]))


def _goal(page_request: PageRequest) -> dict[str, str]:
    failing = reads.failing_on_tip(page_request.workspace)
    number = f"{len(failing)} failing {'test' if len(failing) == 1 else 'tests'}"
    return {"content": f"Make the {number} pass", "tests": "\n".join(targets.goals(failing))} if failing else {}


def _api_value(form_data: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The entry in the API's shape, and the errors by field."""
    wrong: dict[str, str] = {}
    value: dict[str, Any] = entry_form.written(form_data) | {
        "priority": form_data["priority"] or "medium",
        "parallelizable": not form_data["alone"],
        "parallel_group": form_data["group"].strip() or None,
        **entry_form.of_session(form_data),
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


def _render(page_request: PageRequest, form_data: dict[str, str], wrong: dict[str, str]) -> HttpResponse:
    regions = HEADER | REGIONS
    page_request.memo["form"] = form_data
    context = {
        "form_data": form_data,
        "wrong": wrong,
        "key": adding.form_key(page_request),
        "priorities": search_language.PRIORITIES,
        "agents": agent_choices.of(page_request.executor.config),
    }
    response = render_page(page_request, "entries/new.html", regions, **context)
    if wrong:
        response.status_code = 422
    return response


def hits(page_request: PageRequest) -> dict[str, Any]:
    """The newest entries that match the dependency search."""
    search = search_language.parse(page_request.request.GET.get("find", ""))
    query = lists.EntryQuery(dict.fromkeys(("status", "reason", "locked", "group"), ""), search, [], page_request.shut)
    matches: list[Entry] = list(lists.matching(page_request.workspace.pk, query).order_by("-seq")[:MAX_HITS])
    return {"hits": matches, "search_words": page_request.request.GET.get("find", "")}


def failing(page_request: PageRequest) -> dict[str, Any]:
    """The cases that fail on the base, first those that the entry is likely about."""
    asked = page_request.request.GET
    typed = {name: asked.get(name, "") for name in ("content", "modifies", "creates")}
    form_data = typed if "content" in asked else page_request.memo["form"]
    cases = reads.failing_on_tip(page_request.workspace)
    files = entry_form.lines(f"{form_data['modifies']}\n{form_data['creates']}")
    likely = targets.proposed(targets.by_word(cases), len(cases), title=form_data["content"].strip().split("\n")[0], files=files)
    chosen = set(asked.getlist("target")) & set(cases)
    names = list(dict.fromkeys([*sorted(chosen), *likely, *sorted(cases)]))
    return {
        "failing": [(name, cases[name], name in chosen) for name in names[:MAX_FAILING]],
        "failing_count": len(names),
        "likely": len(likely),
        "is_chosen": bool(chosen),
    }


REGIONS = {"hits": Region("entries/hits.html", hits), "failing": Region("entries/failing.html", failing)}
