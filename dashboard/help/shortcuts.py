"""The keyboard shortcuts, as a page and as a fragment that opens over the current page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def page(request: HttpRequest) -> HttpResponse:
    return render(request, "shared/shortcuts.html#keys" if request.GET.get("fragment") == "keys" else "shared/shortcuts.html")
