"""The entries below one that is split: what a person asks of it is done for them. No query for entries that are not split."""

from collections.abc import Sequence

from django.db.models import Q

from orchestration.models import Entry

_UP = ("parent", "parent__parent", "parent__parent__parent")


def below(entries: Sequence[Entry]) -> list[Entry]:
    """All that is left below these entries, apart from themselves, by number."""
    containers = [entry.pk for entry in entries if entry.is_container]
    if not containers:
        return []
    under = Q(*[Q(**{f"{up}__in": containers}) for up in _UP], _connector=Q.OR)
    rows = Entry.objects.select_related("account").filter(under, deleted_at__isnull=True)
    return list(rows.exclude(pk__in=[entry.pk for entry in entries]).order_by("seq"))


def instead_of(entries: Sequence[Entry], *, unless: set[str]) -> list[Entry]:
    """The entries, and instead of each that is split those that do its work and are in none of these states."""
    work = [row for row in below(entries) if not row.is_container and row.status not in unless]
    return [*(entry for entry in entries if not entry.is_container), *work]


def with_children(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, and what below them is not done."""
    return [*entries, *(row for row in below(entries) if row.status != Entry.Status.DONE)]
