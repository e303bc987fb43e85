"""The entries as a dependency graph: an indented outline, a drawing where there are few, and any cycle."""

from collections import defaultdict
from typing import Any

from django.db.models import Case, QuerySet, When

from dashboard.shared.charts import graph
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import entry_state, labels
from orchestration.backlog.rules import graph as graphs
from orchestration.backlog.rules import status_groups
from orchestration.models import Dependency, Entry

MAX_ENTRIES = 180  # six elements each


def build(page_request: PageRequest, queryset: QuerySet[Entry], matching: int) -> dict[str, Any]:
    """Two queries."""
    marked = queryset.annotate(asks=Case(When(status_groups.WAITING_FOR_ANSWER, then=True), default=False))
    entries = list(marked.order_by("seq")[:MAX_ENTRIES])
    by_id = {entry.pk: entry for entry in entries}
    needs: dict[str, list[str]] = defaultdict(list)
    outside: dict[str, list[Entry]] = defaultdict(list)
    links = Dependency.objects.filter(entry__in=list(by_id)).select_related("depends_on").order_by("depends_on__seq")
    for link in links:
        needs[link.entry_id].append(link.depends_on_id)
        if link.depends_on_id not in by_id:
            outside[link.entry_id].append(link.depends_on)
    inside = {id_: [need for need in needs[id_] if need in by_id] for id_ in by_id}
    circle = graphs.cycle(inside)
    tied = {id_ for id_, some in inside.items() if some} | {need for some in inside.values() for need in some}
    listed = [id_ for id_ in by_id if id_ in tied or id_ in outside]
    lines = graph.outline(listed, inside)
    drawn = len(tied) <= graph.MAX_DRAWN and tied and not circle
    return {
        "lines": [
            {
                "line": line,
                "closes": range(line.closes),
                "entry": by_id[line.id],
                "badge": _badge(page_request, by_id[line.id]),
                "needs": [by_id[id_] for id_ in inside[line.id]],
                "outside": outside[line.id],
            }
            for line in lines
        ],
        "circle": [by_id[id_] for id_ in circle] if circle else [],
        "drawing": graph.draw([_node(page_request, entry) for entry in entries if entry.pk in tied], inside) if drawn else "",
        "too_many": len(tied) > graph.MAX_DRAWN,
        "alone": len(entries) - len(listed),
        "not_shown": max(matching - len(entries), 0),
        "most_drawn": graph.MAX_DRAWN,
        "rows": entries,
    }


def _badge(page_request: PageRequest, entry: Entry) -> str:
    return entry_state.badge(entry, asks=entry.asks, open_agents=page_request.open_agents)  # type: ignore[attr-defined]


def _node(page_request: PageRequest, entry: Entry) -> graph.Node:
    tone, _, word = labels.badge(_badge(page_request, entry))
    return graph.Node(entry.pk, f"#{entry.seq}", entry.title, word, tone)
