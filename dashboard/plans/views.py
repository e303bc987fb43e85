"""Import of a pasted or uploaded plan: a preview of what it adds and changes, then its application, refused when the preview is outdated."""

import base64
import zlib
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.plans import preview as plan_preview
from dashboard.plans.preview import entries
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER
from orchestration.plans import formats, importing, samples, sources
from orchestration.plans.importing import Outcome, Outdated, Preview
from orchestration.plans.readers.shared import bundle
from orchestration.plans.readers.shared.items import MAX_BYTES, Plan, Problem
from workspaces.access import Need
from workspaces.errors import Invalid

MAX_FILES = 1000
MAX_NAME = 200


@dataclass(frozen=True)
class Form:
    """The submitted form. `file`: the name of the only upload; `problem`: why the text did not arrive."""

    text: str
    format: str
    name: str
    restore: bool
    problem: Problem | None = None
    file: str = ""

    def plan(self) -> Plan:
        return Plan(self.format, problems=(self.problem,)) if self.problem else formats.parse(self.text, self.format)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def page(page_request: PageRequest) -> HttpResponse:
    if page_request.request.method != "POST":
        return _render(page_request, Form("", "", "", False))
    adding = page_request.request.POST.get("do") == "add"
    form = _form(page_request, adding)
    plan = form.plan()
    if not form.name and not plan.name:
        form = replace(form, name=sources.default_name(form.file))
    if not adding:
        return _render(page_request, form, _preview(page_request, form, plan))
    try:
        outcome = importing.apply(
            page_request.workspace.pk,
            plan,
            by=page_request.caller,
            token=page_request.request.POST.get("token", ""),
            name=form.name,
            restore=form.restore,
            tests=_chosen_targets(page_request, form, plan),
        )
    except Outdated as outdated:
        preview = _preview(page_request, form, plan)
        if preview.difference.is_empty and not preview.problems:
            return _done(
                page_request, f"This plan was added already: {entries(len(plan.items))}. Nothing was added again", tone="warn"
            )
        return _render(page_request, form, preview, refused=outdated.message, status=409)
    except Invalid:
        return _render(page_request, form, _preview(page_request, form, plan), status=422)
    return _done(page_request, _sentence(outcome), many=len(outcome.added) > 1)


def _chosen_targets(page_request: PageRequest, form: Form, plan: Plan) -> dict[int, list[str]]:
    """The proposed tests of the lines that were ticked."""
    chosen = {int(line) for line in page_request.request.POST.getlist("targets") if line.isascii() and line.isdigit()}
    if not chosen:
        return {}
    likely = plan_preview.likely_targets(page_request, _preview(page_request, form, plan))
    return {line: names for line, names in likely.items() if names and line in chosen}


def _form(page_request: PageRequest, adding: bool) -> Form:
    post = page_request.request.POST
    text, problem = _carried(post.get("carried", "")) if adding else _typed(page_request)
    requested = post.get("format", "")
    name = post.get("name", "").replace("\x00", "").strip()[:MAX_NAME]
    uploads = page_request.request.FILES.getlist("file")
    file = uploads[0].name or "" if len(uploads) == 1 else ""
    return Form(text, requested if requested in formats.titles() else "", name, bool(post.get("restore")), problem, file)


def _preview(page_request: PageRequest, form: Form, plan: Plan) -> Preview:
    return importing.preview(page_request.workspace.pk, plan, by=page_request.caller, name=form.name, restore=form.restore)


def _typed(page_request: PageRequest) -> tuple[str, Problem | None]:
    """The uploaded files, else the pasted text."""
    uploads = page_request.request.FILES.getlist("file")
    if not uploads:
        return page_request.request.POST.get("text", ""), None
    if sum(upload.size or 0 for upload in uploads) > MAX_BYTES or len(uploads) > MAX_FILES:
        return "", Problem(0, "The file is larger than 1 MiB" if len(uploads) == 1 else "The files are larger than 1 MiB")
    files = []
    for upload in uploads:
        text, problem = _decoded(upload)
        if problem:
            return "", problem
        files.append((upload.name or "", text))
    return bundle.join(files), None


def _decoded(upload: UploadedFile) -> tuple[str, Problem | None]:
    try:
        return upload.read().decode("utf-8"), None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return "", Problem(line, "The file is not UTF-8 text")


def _carried(packed: str) -> tuple[str, Problem | None]:
    """The previewed text, byte for byte: a text field would change its line endings."""
    try:
        unpacking = zlib.decompressobj()
        return unpacking.decompress(base64.b64decode(packed, validate=True), MAX_BYTES + 1).decode("utf-8"), None
    except (ValueError, zlib.error):
        return "", Problem(0, "The plan did not arrive whole: paste it again")


def _sentence(outcome: Outcome) -> str:
    added, changed = len(outcome.added), outcome.changed
    parts = [f"{entries(added)} {'is' if added == 1 else 'are'} added"] if added or not changed else []
    if changed:
        parts.append(f"{changed} changed" if parts else f"{entries(changed)} {'is' if changed == 1 else 'are'} changed")
    kept = f"; {entries(outcome.kept)} {'keeps' if outcome.kept == 1 else 'keep'} what differs" if outcome.kept else ""
    return ", ".join(parts) + kept


def _done(page_request: PageRequest, sentence: str, *, tone: str = "good", many: bool = True) -> HttpResponse:
    messages.success(page_request.request, sentence, extra_tags=tone)
    address = reverse("entries", args=[page_request.workspace.pk])
    return HttpResponseRedirect(f"{address}?sort=-seq" if many else address, status=SEE_OTHER)


def _render(
    page_request: PageRequest, form: Form, preview: Preview | None = None, *, refused: str = "", status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "formats": formats.titles(), "samples": samples.SAMPLES, "refused": refused}
    if preview is not None:
        carried = base64.b64encode(zlib.compress(form.text.encode("utf-8", "replace"))).decode()
        context |= plan_preview.context(page_request, preview) | {"carried": carried}
    response = render_page(page_request, "plans/import.html", HEADER, **context)
    response.status_code = status  # a preview with problems is a success
    return response
