"""Responses to forms: success or a confirmation. htmx requests get the result line, others a redirect or a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.shared import places
from dashboard.shared.page_request import PageRequest, common_context

SEE_OTHER = 303


@dataclass(frozen=True)
class Undo:
    """The form that reverts an action, offered in the result line."""

    label: str
    action: str
    fields: Mapping[str, Any]

    @property
    def inputs(self) -> list[tuple[str, list[Any]]]:
        """The fields, each with its values."""
        return [(name, value if isinstance(value, list) else [value]) for name, value in self.fields.items()]


def done(page_request: PageRequest, sentence: str, *, tone: str = "good", undo: Undo | None = None) -> HttpResponse:
    """Report success: htmx requests get the result line, and every live region refreshes; others are redirected to their page."""
    if not is_htmx(page_request.request):
        messages.success(page_request.request, sentence, extra_tags=tone)
        return HttpResponseRedirect(return_url(page_request), status=SEE_OTHER)
    response = HttpResponse(render_result(page_request.request, sentence, tone=tone, undo=undo, back=return_url(page_request)))
    response["HX-Trigger-After-Swap"] = "muster:changed"
    return response


def confirm(
    page_request: PageRequest,
    *,
    title: str,
    sentence: str,
    button: str,
    action: str,
    fields: Mapping[str, Any],
    points: Sequence[str] = (),
    status: int = 0,
    typed: str = "",
    other: tuple[str, str] | None = None,
) -> HttpResponse:
    """Ask for confirmation: the consequence, details as points, and one button. A page of its own, or with htmx a question in the
    place of the result line.

    A plain form that was sent without its confirmation gets 409: nothing was done. `status`: overrides the status, for htmx too.
    `typed`: the text that enables the button. `other`: a second way to go on, as a button's label and address.
    """
    question: dict[str, Any] = {
        "title": title,
        "sentence": sentence,
        "button": button,
        "action": action,
        "fields": fields,
        "back": return_url(page_request),
        "points": points,
        "typed": typed,
        "other": other,
    }
    if is_htmx(page_request.request):
        html = render_to_string("shared/result.html", {"confirmation": question, "oob": True}, request=page_request.request)
        return HttpResponse(html, status=status or 200)
    refused = 409 if page_request.request.method == "POST" else 200
    return render(
        page_request.request,
        "shared/confirm.html",
        common_context(page_request) | {"confirmation": question, "places": list(places.shown(page_request, with_counts=False))},
        status=status or refused,
    )


def return_url(page_request: PageRequest) -> str:
    """The page that a form was sent from, if `next` names one of this site; else the overview."""
    next_url = page_request.request.POST.get("next") or page_request.request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(next_url, allowed_hosts=None):
        return next_url
    return reverse("workspace", args=[page_request.workspace.pk])


def render_result(request: HttpRequest, sentence: str, *, tone: str, undo: Undo | None = None, back: str = "") -> str:
    """The result line as HTML for an out-of-band swap."""
    context = {"sentence": sentence, "tone": tone, "oob": True, "undo": undo, "back": back}
    return render_to_string("shared/result.html", context, request=request)


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
