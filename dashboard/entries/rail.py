"""The rail beside the list: how many entries there are of each standing and reason, under the other filters. One query."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from dashboard.entries import filters as entries_filters
from dashboard.entries import status_groups
from dashboard.entries.filters import Wanted
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest
from orchestration import reasons

MOST = 10_000
GROUPS = {
    "ready": "Ready",
    "running": "In progress",
    "waiting": "Waiting",
    "blocked": "Blocked",
    "failed": "Failed",
    "done": "Done",
}
ORDER = {str(code): n for n, code in enumerate(reasons.WORDS)}


@dataclass(frozen=True)
class Counts:
    by_kind: dict[str, int]
    by_reason: dict[tuple[str, str], int]

    @property
    def total(self) -> int:
        return sum(self.by_kind.values())

    def of(self, status: str, reason: str) -> int | None:
        """How many fit a status and a reason of the address; None when the database alone does not know."""
        if reason in status_groups.ASKED:
            return None
        kinds = [kind for kind in status_groups.KINDS if kind == status or not status or (status == "open" and kind != "done")]
        if reason:
            return sum(n for (kind, code), n in self.by_reason.items() if code == reason and kind in kinds)
        return sum(self.by_kind.get(kind, 0) for kind in kinds)


def count(page_request: PageRequest, wanted: Wanted) -> Counts:
    found = entries_filters.beside(page_request.workspace.pk, wanted).annotate(
        kind=status_groups.KIND, stored=status_groups.REASON
    )
    by_kind: dict[str, int] = dict.fromkeys(status_groups.KINDS, 0)
    by_reason: dict[tuple[str, str], int] = {}
    for kind, stored, n in found.order_by().values_list("kind", "stored").annotate(n=Count("pk")):
        by_kind[kind] = by_kind.get(kind, 0) + n
        if stored:
            by_reason[kind, stored] = by_reason.get((kind, stored), 0) + n
    return Counts(by_kind, by_reason)


def build(page_request: PageRequest, wanted: Wanted, counts: Counts) -> list[dict[str, Any]]:
    """The links: all, each standing, and under those that wait the reasons there are."""
    status, reason = wanted.chosen["status"], wanted.chosen["reason"]
    items = [_item(page_request, "All", counts.total, not status and not reason)]
    for kind, word in GROUPS.items():
        item = _item(page_request, word, counts.by_kind[kind], status == kind and not reason, status=kind)
        by_code = {code: n for (of, code), n in counts.by_reason.items() if of == kind}
        if status == kind and reason in ORDER and reason not in status_groups.ASKED:
            by_code.setdefault(reason, 0)
        under = [
            _item(
                page_request,
                reasons.filter_label(code),
                by_code[code],
                status == kind and reason == code,
                kind,
                code,
            )
            for code in sorted(by_code, key=lambda code: (ORDER.get(code, 99), code))
        ]
        items.append(item | {"under": under, "here": status == kind})
    return items


def _item(page_request: PageRequest, word: str, n: int, chosen: bool, status: str = "", reason: str = "") -> dict[str, Any]:
    return {
        "word": word,
        "n": shown(n),
        "chosen": chosen,
        "query": filters.query(page_request, "status", "reason", status=status, reason=reason),
    }


def shown(n: int) -> str:
    return f"{MOST:,}+" if n > MOST else f"{n:,}"
