"""The page of one entry: its status and one of its tabs. Only the chosen tab is built."""

from functools import partial

from django import forms
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from dashboard.approval import review
from dashboard.entries.rows import with_sessions, with_waits
from dashboard.entry import preflight, status
from dashboard.entry.tabs import brief, budget, children, dependencies, history, locks, rounds, talk
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration.backlog.tree import reads as tree
from orchestration.models import Entry, Round
from workspaces.errors import NotFound
from workspaces.values import ids

# name: (label, regions of the page: each a partial of a template, with the function that builds it from the page request and the entry)
TABS = {
    "review": ("Review", {"approval/review.html#review": review.region}),
    "rounds": ("Rounds", {"entry/rounds.html#rounds": rounds.region, "entry/rounds.html#sessions": rounds.sessions_region}),
    "talk": ("Talk", {"entry/talk.html#talk": talk.region}),
    "brief": ("Brief", {"entry/brief.html#brief": brief.region}),
    "deps": ("Dependencies", {"entry/dependencies.html#deps": dependencies.region}),
    "children": ("Children", {"entry/children.html#children": children.region}),
    "locks": ("Locks", {"entry/locks.html#paths": locks.region}),
    "budget": ("Budget", {"entry/budget.html#budget": budget.region}),
    "history": ("History", {"entry/history.html#history": history.region}),
}


class TabFilter(forms.Form):
    tab = forms.ChoiceField(choices=[(name, word) for name, (word, _) in TABS.items()], required=False)


@require_safe
@in_workspace()
def page(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = _load(page_request, entry_id)
    chosen, ignored = filters.read(TabFilter, page_request)
    default = "review" if review.waits(entry) else "rounds"
    tab = chosen["tab"] or default
    if tab == "review":
        _, ignored = filters.read(review.ReviewFilter, page_request)
    regions = HEADER | {"status": Region("entry/status.html#status", partial(status.region, entry=entry))}
    for template, build in TABS[tab][1].items():
        regions[template.partition("#")[2]] = Region(template, partial(build, entry=entry))
    if page_request.asks_for("preflight"):  # opened by a person; refreshes itself from then on
        regions["preflight"] = Region("entry/preflight.html#preflight", partial(preflight.checks, entry=entry))
    return render_page(
        page_request,
        "entry/entry.html",
        regions,
        entry=entry,
        chosen_tab=tab,
        default_tab=default,
        tabs=[(name, word) for name, (word, _) in TABS.items() if name != "review" or "review" in (tab, default)],
        ignored=ignored,
    )


def _load(page_request: PageRequest, entry_id: str) -> Entry:
    """The entry with its open session and the number of its rounds, in one query. Raises NotFound."""
    ended = Round.objects.filter(entry=OuterRef("pk"), ended_at__isnull=False).order_by().values("entry")
    entries = Entry.objects.select_related("account", "workspace", "parent")
    entries = with_waits(with_sessions(entries)).annotate(
        rounds_ended=Coalesce(Subquery(ended.annotate(n=Count("id")).values("n")), 0),
        changed=Exists(Round.objects.filter(entry=OuterRef("pk")).exclude(commit="")),
    )
    entry: Entry | None = None
    if ids.is_id(entry_id):
        entry = entries.filter(pk=entry_id, workspace=page_request.workspace, deleted_at__isnull=True).first()
    if entry is None:
        raise NotFound("Entry not found")
    if entry.is_container:
        tree.whole(entry.account)
    return entry
