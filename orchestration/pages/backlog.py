"""The backlog on the workspace page: the entries by number, with what each waits for (entries/rows.py)."""

from typing import Any

from orchestration import queries
from orchestration.forms import FilterForm
from orchestration.pages import wording
from orchestration.pages.entries.rows import rows
from orchestration.pages.scene import Scene

__all__ = ["build", "rows"]
A_PAGE = 50


def build(scene: Scene) -> dict[str, Any]:
    form = FilterForm(scene.request.GET)
    form.is_valid()
    chosen = {name: form.cleaned_data.get(name) or "" for name in form.fields}
    words = chosen["q"].replace("\x00", "").strip()
    entries, following = queries.entries_page(
        scene.workspace.pk,
        status=chosen["status"],
        reason=chosen["reason"],
        words=words,
        limit=A_PAGE,
        cursor=chosen["after"] or None,
    )
    counts = queries.counts(scene.workspace.pk)
    by_status = {"in_progress": counts["inProgress"]} | {name: counts[name] for name in ("pending", "blocked", "failed", "done")}
    return {
        "rows": rows(scene, entries),
        "entry_total": counts["total"],
        "statuses": [(name, wording.badge(name)[2], by_status[name]) for name in by_status],
        "chosen": chosen | {"q": words},
        "filtered": bool(chosen["status"] or chosen["reason"] or words),
        "following": following,
        "filters": _query(scene, "status", "reason", "q"),
        "search": _query(scene, "reason", "q"),
    }


def _query(scene: Scene, *names: str) -> str:
    """The filters of the address as they are, for links that keep them."""
    kept = scene.request.GET.copy()
    for name in list(kept):
        if name not in names or not kept[name]:
            del kept[name]
    return kept.urlencode()
