"""Links to the pages where a person can act on a reason."""

from django.urls import reverse

from orchestration.facts.reasons import Page, Remedy
from orchestration.models import Entry

_URL_NAMES: dict[Page, str] = {
    "budget": "budget",
    "landing": "landing",
    "locks": "locks",
    "agents": "agent",
    "sessions": "workers",
    "executor": "executor-page",
}


def link(entry: Entry, remedy: Remedy) -> tuple[str, str]:
    """The button's words and its address."""
    if remedy.page != "entry":
        return remedy.button, reverse(_URL_NAMES[remedy.page], args=[entry.workspace_id])
    here = reverse("entry", args=[entry.workspace_id, entry.pk])
    return remedy.button, f"{here}?tab={remedy.tab}" if remedy.tab else f"{here}#status"
