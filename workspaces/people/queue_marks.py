"""A person's marks in the queue on their home page: what they have read, and put aside. An item's key changes with its cause, so a mark
ends with it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from workspaces.models import QueueMark

MAX_MARKS = 1_000  # of one person; the oldest go


def of(user: Any) -> dict[str, QueueMark]:
    """A person's marks by the key of their item. One query."""
    return {mark.key: mark for mark in QueueMark.objects.filter(user=user)}


def read(user: Any, keys: Iterable[str]) -> None:
    """Mark items as read; those that are put aside stay so."""
    QueueMark.objects.bulk_create([QueueMark(user=user, key=key) for key in keys], ignore_conflicts=True)
    _forget_the_oldest(user)


def put_aside(user: Any, key: str, until: datetime) -> None:
    QueueMark.objects.update_or_create(user=user, key=key, defaults={"aside_until": until})
    _forget_the_oldest(user)


def take_back(user: Any, key: str) -> None:
    """It is in the queue again, read."""
    QueueMark.objects.filter(user=user, key=key).update(aside_until=None)


def _forget_the_oldest(user: Any) -> None:
    kept = QueueMark.objects.filter(user=user).order_by("-pk")[MAX_MARKS : MAX_MARKS + 1].values_list("pk", flat=True)
    for newest in kept:
        QueueMark.objects.filter(user=user, pk__lte=newest).delete()
