"""Entries that a person resumed, and that were blocked again at once: pages say so, since *back in line* alone would not be true."""

from collections.abc import Sequence

from orchestration.facts.reasons import WITHOUT_MONEY, Reason
from orchestration.models import Entry

_AT_ONCE = (*WITHOUT_MONEY, Reason.ROUNDS_EXHAUSTED)


def sentence(entry_ids: Sequence[str]) -> str:
    """A clause for the result line; empty where all stay in line."""
    blocked = Entry.objects.filter(pk__in=entry_ids, status=Entry.Status.BLOCKED, reason_code__in=_AT_ONCE).order_by("seq")
    messages = list(blocked.values_list("reason_message", flat=True))
    if not messages:
        return ""
    if len(entry_ids) == 1:
        return f", but blocked again: {messages[0]}"
    return f"; {len(messages)} of them {'is' if len(messages) == 1 else 'are'} blocked again: {messages[0]}"
