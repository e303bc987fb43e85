"""Refusals of actions on entries, as sentences for a page."""

import re
from collections.abc import Sequence

from orchestration.models import Entry

MAX_NAMED = 20
_ID = re.compile(r"entry_[0-9a-z]{16,}")


def numbered(workspace_id: str, message: str) -> str:
    """The message with the numbers of entries in place of their ids."""
    ids = set(_ID.findall(message))
    seqs = dict(Entry.objects.filter(workspace_id=workspace_id, pk__in=ids).values_list("pk", "seq")) if ids else {}
    return _ID.sub(lambda match: f"#{seqs[match.group()]}" if match.group() in seqs else match.group(), message)


def of_many(refused: Sequence[tuple[Entry, str]], chosen: int) -> str:
    """Nothing was changed, each entry that refuses, and why."""
    reasons = "; ".join(f"#{entry.seq}: {why[:1].lower()}{why[1:]}" for entry, why in refused[:MAX_NAMED])
    more = f"; and {len(refused) - MAX_NAMED} more" if len(refused) > MAX_NAMED else ""
    sentence = (
        f"Nothing was changed: {len(refused)} of {chosen} {'entry' if chosen == 1 else 'entries'} cannot be. {reasons}{more}"
    )
    return numbered(refused[0][0].workspace_id, sentence)
