"""The entries as a board: a column for each state of an open entry, and what landed today. The counts are those of the rail."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from dashboard.entries import rail, rows
from dashboard.shared.counts import text
from dashboard.shared.lists import filters, together
from dashboard.shared.page_request import PageRequest
from orchestration.backlog.rules import status_groups
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from orchestration.landing import reads as landing_reads
from orchestration.lists import entries as lists
from orchestration.models import Entry

MAX_CARDS = 10
# Column: its title, and the groups of the rail in it.
COLUMNS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "waiting": (rail.GROUPS["waiting"], ("waiting",)),
    "ready": (rail.GROUPS["ready"], ("ready",)),
    "running": (rail.GROUPS["running"], ("running",)),
    "review": (rail.GROUPS["review"], ("review",)),
    "stuck": ("Blocked or failed", ("blocked", "failed")),
    "landed": ("Landed today", ()),
}
_IN_ORDER_OF_START = ("-has_rounds", "priority", "seq")


@dataclass
class Part:
    """The cards of one reason, with the number of entries that have it. `word` is empty where a column has no reasons."""

    word: str
    number: str
    query: str
    cards: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Column:
    name: str
    title: str
    number: str
    query: str
    parts: list[Part]


def build(page_request: PageRequest, query: lists.EntryQuery, known: rail.Counts) -> dict[str, Any]:
    """Two statements, and those of the rows."""
    base = lists.matching_any_status(page_request.workspace.pk, query)
    piles = together.read(
        {name: _pile(page_request.workspace.pk, base, name, known, query.shut).values_list("pk") for name in COLUMNS}
    )
    ids = {name: [pk for (pk,) in pile] for name, pile in piles.items()}
    shown = [pk for pks in ids.values() for pk in pks[:MAX_CARDS]]
    entries = rows.with_sessions(Entry.objects.filter(pk__in=shown).select_related("account"))
    cards, common = rows.rows_with_common_checks(page_request, list(entries), own_first=True)
    by_id = {card["entry"].pk: card for card in cards}
    columns = []
    for name, (title, kinds) in COLUMNS.items():
        piled = [by_id[pk] for pk in ids[name][:MAX_CARDS] if pk in by_id]
        number = sum(known.by_kind[kind] for kind in kinds) if kinds else len(ids[name])
        parts = list(_parts(page_request, kinds, piled, known.by_reason))
        columns.append(Column(name, title, text(number), _link(page_request, status=name), parts))
    return {"columns": columns, "rows": cards, "common": common}


def _pile(workspace_id: str, base: QuerySet[Entry], name: str, known: rail.Counts, shut: Q | None) -> QuerySet[Entry]:
    """The first entries of a column: what starts next, what waits longest, what landed last."""
    kinds = COLUMNS[name][1]
    if kinds and not any(known.by_kind[kind] for kind in kinds):
        return base.none()
    stored = status_groups.STORED_KINDS.get(name)
    # A look into another table for questions keeps a database from its index of states.
    is_stored = stored is not None and shut is None and not known.by_reason.get(("review", str(Reason.WAITING_FOR_ANSWER)))
    entries = base.filter(stored if is_stored else lists.by_status(workspace_id, name, shut))
    if name == "landed":
        return entries.order_by("-updated_at", "-seq")[: landing_reads.MAX_RECENT]
    return entries.order_by(*(_IN_ORDER_OF_START if name == "ready" else ("seq",)))[:MAX_CARDS]


def _parts(
    page_request: PageRequest,
    kinds: Sequence[str],
    cards: Iterable[dict[str, Any]],
    by_reason: Mapping[tuple[str, str], int],
) -> Iterator[Part]:
    """The cards by reason, in the order of the rail; a reason whose entries come later has its number alone."""
    plain = Part("", "", "")
    parts: dict[tuple[str, str], Part] = {}
    for kind, code in sorted(by_reason, key=lambda key: (rail.ORDER.get(key[1], 99), key)):
        if kind in kinds and (number := by_reason[kind, code]):
            link = _link(page_request, status=kind, reason=code)
            word = reasons.label(code) if kind != "failed" else f"Failed: {reasons.label(code).lower()}"
            parts[kind, code] = Part(word, text(number), link)
    for card in cards:
        kind = "failed" if card["entry"].status == Entry.Status.FAILED else kinds[0] if kinds else ""
        parts.get((kind, card["code"]), plain).cards.append(card)
    yield from parts.values()
    if plain.cards:
        yield plain


def _link(page_request: PageRequest, **change: str) -> str:
    """The list with this filter."""
    return filters.query(page_request, "view", "status", "reason", **change)
