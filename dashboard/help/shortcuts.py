"""The list of shortcuts: a page, and the same as a fragment that opens over the page one reads."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def page(request: HttpRequest) -> HttpResponse:
    return render(request, "shared/shortcuts.html#keys" if request.GET.get("fragment") == "keys" else "shared/shortcuts.html")
