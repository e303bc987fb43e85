"""Import of a pasted or uploaded plan: a preview with the problems of each line, then one idempotent add of the same text."""

import base64
import zlib
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.entries import adding as entries_adding
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER
from orchestration.backlog import entries
from orchestration.plans import formats, samples
from orchestration.plans.items import MAX_BYTES, Plan, Problem
from workspaces.access import Need
from workspaces.errors import Invalid

MAX_SHOWN = 100


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def page(page_request: PageRequest) -> HttpResponse:
    if page_request.request.method != "POST":
        return _render(page_request, "", "")
    requested_format = page_request.request.POST.get("format", "")
    format = requested_format if requested_format in formats.FORMATS else ""
    adding = page_request.request.POST.get("do") == "add"
    text, problem = _carried(page_request) if adding else _typed(page_request)
    plan = formats.parse(text, format) if problem is None else Plan(format, problems=(problem,))
    if adding and (before := entries.find_added(page_request.workspace.pk, entries_adding.form_key(page_request))):
        return _added(page_request, len(before), again=True)
    checked = entries_adding.check_plan(page_request, plan)
    if not adding or checked.problems:
        return _render(page_request, text, format, checked=checked)
    try:
        created = entries.add(
            page_request.workspace.pk,
            checked.drafts,
            by=page_request.caller,
            idempotency_key=entries_adding.form_key(page_request),
        )
    except Invalid as why:
        checked.problems.append(Problem(0, why.message))
        return _render(page_request, text, format, checked=checked)
    return _added(page_request, len(created))


def _typed(page_request: PageRequest) -> tuple[str, Problem | None]:
    """The uploaded file, else the pasted text."""
    upload = page_request.request.FILES.get("file")
    if upload is None:
        return page_request.request.POST.get("text", ""), None
    if (upload.size or 0) > MAX_BYTES:
        return "", Problem(0, "The file is larger than 1 MiB")
    try:
        return upload.read().decode("utf-8"), None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return "", Problem(line, "The file is not UTF-8 text")


def _carried(page_request: PageRequest) -> tuple[str, Problem | None]:
    """The previewed text, byte for byte: a text field would change its line endings."""
    try:
        packed = base64.b64decode(page_request.request.POST.get("carried", ""), validate=True)
        unpacking = zlib.decompressobj()
        return unpacking.decompress(packed, MAX_BYTES + 1).decode("utf-8"), None
    except (ValueError, zlib.error):
        return "", Problem(0, "The plan did not arrive whole: paste it again")


def _added(page_request: PageRequest, n: int, *, again: bool = False) -> HttpResponse:
    words = f"{n} {'entry' if n == 1 else 'entries'}"
    sentence = (
        f"This plan was added already: {words}. Nothing was added again"
        if again
        else f"{words} {'is' if n == 1 else 'are'} added"
    )
    messages.success(page_request.request, sentence, extra_tags="warn" if again else "good")
    address = reverse("entries", args=[page_request.workspace.pk])
    return HttpResponseRedirect(address if n == 1 else f"{address}?sort=-seq", status=SEE_OTHER)


def _render(page_request: PageRequest, text: str, format: str, *, checked: Any = None) -> HttpResponse:
    context: dict[str, Any] = {
        "text": text,
        "format": format,
        "formats": formats.FORMATS,
        "samples": samples.SAMPLES,
        "checked": checked,
        "key": entries_adding.form_key(page_request),
    }
    if checked is not None:
        wrong = {id(row) for row in checked.rows if row.problems}
        rows = sorted(checked.rows, key=lambda row: id(row) not in wrong)[:MAX_SHOWN] if wrong else checked.rows[:MAX_SHOWN]
        context |= {
            "read_as": formats.FORMATS.get(checked.plan.format, ""),
            "shown": sorted(rows, key=lambda row: row.item.line),
            "not_shown": len(checked.rows) - len(rows),
            "problems": checked.problems[:MAX_SHOWN],
            "more_problems": max(len(checked.problems) - MAX_SHOWN, 0),
            "carried": base64.b64encode(zlib.compress(text.encode("utf-8", "replace"))).decode(),
            "money": entries_adding.budgets(page_request, checked.drafts),
        }
    response = render_page(page_request, "entries/plan.html", HEADER, **context)
    if checked is not None and checked.problems and page_request.request.POST.get("do") == "add":
        response.status_code = 422  # a preview with problems is a success
    return response
