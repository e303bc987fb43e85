"""The backlog on the workspace page: what each entry waits for, in the executor's own words. The same queries for 10 and for 500."""

from collections import defaultdict
from typing import Any

from django.urls import reverse

from orchestration import queries
from orchestration.executor import explain
from orchestration.forms import FilterForm
from orchestration.models import Dependency, Entry, Session
from orchestration.pages import wording
from orchestration.pages.regions import names_of
from orchestration.pages.scene import Scene

A_PAGE = 50
# The status that the needed entries in the way have (empty: not done), and how the sentence begins.
_ABOUT_NEEDS = {"dependencies_pending": ("", "Waiting for "), "dependency_failed": ("failed", "Needed, but failed: ")}


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


def rows(scene: Scene, entries: list[Entry]) -> list[dict[str, Any]]:
    """The entries with their reasons, dependencies and sessions."""
    ids = [entry.pk for entry in entries]
    explained = explain.reasons(scene.workspace.pk, [entry.pk for entry in entries if entry.status != Entry.Status.DONE])
    needs: dict[str, list[Entry]] = defaultdict(list)
    for link in Dependency.objects.filter(entry_id__in=ids).select_related("depends_on").order_by("depends_on__seq"):
        needs[link.entry_id].append(link.depends_on)
    sessions = {s.entry_id: s for s in Session.objects.filter(entry_id__in=ids, status__in=Session.OPEN)}
    holders = {found.why.holder for found in explained.values() if found.why and found.why.holder}
    names = names_of(scene, holders)
    return [_row(entry, explained.get(entry.pk), needs[entry.pk], sessions.get(entry.pk), names) for entry in entries]


def _row(
    entry: Entry,
    found: explain.Explanation | None,
    needs: list[Entry],
    session: Session | None,
    names: dict[str, wording.Link],
) -> dict[str, Any]:
    return {
        "entry": entry,
        "account": entry.account,
        "badge": "ready" if entry.status == Entry.Status.PENDING and found and found.why is None else entry.status,
        "why": why(entry, found, session, needs, names),
        "code": found.why.code if found and found.why else "",
        "more": sum(1 for check in found.checks if not check.passed) - 1 if found and found.why else 0,
        "needs": needs,
        "needs_done": sum(1 for other in needs if other.status == Entry.Status.DONE),
        "session": session,
    }


def why(
    entry: Entry,
    found: explain.Explanation | None,
    session: Session | None,
    needs: list[Entry],
    names: dict[str, wording.Link],
) -> list[tuple[str, str]]:
    """One sentence on where an entry stands: the first check that fails, or what is being done."""
    if session is not None:
        round_ = f", round {session.round_number}" if session.round_number else ""
        return [(f"{wording.PHASES[session.phase]}{round_}", "")]
    if entry.status == Entry.Status.DONE:
        return []
    if found and found.why and found.why.code in _ABOUT_NEEDS:
        status, words = _ABOUT_NEEDS[found.why.code]
        stand = [need for need in needs if need.status == status or (not status and need.status != Entry.Status.DONE)]
        links = [(f"#{need.seq}", reverse("entry", args=[need.workspace_id, need.pk])) for need in stand]
        if links:
            return wording.listed(words, links)
    if found and found.why:
        return wording.linked(found.why.message or entry.reason_message or found.why.code.replace("_", " "), names)
    if entry.status == Entry.Status.PENDING:
        return [("Ready: starts in the next cycle", "")]
    return [(entry.reason_message or "Between two steps", "")]


def _query(scene: Scene, *names: str) -> str:
    """The filters of the address as they are, for links that keep them."""
    kept = scene.request.GET.copy()
    for name in list(kept):
        if name not in names or not kept[name]:
            del kept[name]
    return kept.urlencode()
