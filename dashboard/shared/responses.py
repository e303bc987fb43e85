"""What a form answers: that it is done, or a question first. With htmx in the line of results, else as a page or a redirect to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.shared.page_request import PageRequest, common

SEE_OTHER = 303


@dataclass(frozen=True)
class Undo:
    """What takes the act of a form back, offered in the line that says how it went."""

    label: str
    action: str
    fields: Mapping[str, Any]


def done(page_request: PageRequest, sentence: str, *, tone: str = "good", undo: Undo | None = None) -> HttpResponse:
    """What a form answers: with htmx the sentence, upon which every live region fetches itself; else a redirect to the page."""
    if not by_htmx(page_request.request):
        messages.success(page_request.request, sentence, extra_tags=tone)
        return HttpResponseRedirect(came_from(page_request), status=SEE_OTHER)
    response = HttpResponse(result(page_request.request, sentence, tone=tone, undo=undo, back=came_from(page_request)))
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
) -> HttpResponse:
    """Ask once more: what happens, point by point where it is much, and one button. A page of its own, or with htmx a question in the
    place of the result.

    409 for a plain form that was sent without its confirmation: nothing was done. `status`: for htmx too. `typed`: what the
    person has to write before the button works.
    """
    asked = {
        "title": title,
        "sentence": sentence,
        "button": button,
        "action": action,
        "fields": fields,
        "back": came_from(page_request),
    }
    asked |= {"points": points, "typed": typed}
    if by_htmx(page_request.request):
        asking = render_to_string("shared/result.html", {"ask": asked, "oob": True}, request=page_request.request)
        return HttpResponse(asking, status=status or 200)
    refused = 409 if page_request.request.method == "POST" else 200
    return render(page_request.request, "shared/confirm.html", common(page_request) | {"asked": asked}, status=status or refused)


def came_from(page_request: PageRequest) -> str:
    """The page that a form was sent from: as it says itself, if that is one of ours."""
    said = page_request.request.POST.get("next") or page_request.request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(said, allowed_hosts=None):
        return said
    return reverse("workspace", args=[page_request.workspace.pk])


def result(request: HttpRequest, sentence: str, *, tone: str, undo: Undo | None = None, back: str = "") -> str:
    """The line that says how it went, to be put in its place by htmx."""
    told = {"sentence": sentence, "tone": tone, "oob": True, "undo": undo, "back": back}
    return render_to_string("shared/result.html", told, request=request)


def by_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
