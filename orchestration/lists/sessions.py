"""Lists of sessions: what their filters select, and their orders, which are rows of SORTS."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from orchestration.lists import entries
from orchestration.models import Session

MAX_WORDS = 200


def silent_since(session: Session) -> datetime:
    return session.last_output_at or session.started_at or session.claimed_at


def burn(session: Session, at: datetime) -> float:
    """Micro-USD a second since it was started. A session that is too young to tell counts as if it were ten seconds old."""
    began = session.started_at or session.claimed_at
    return _cost(session) / max((at - began).total_seconds(), 10)


def _cost(session: Session) -> int:
    return session.hold.drawn if session.hold else 0


SORTS: Mapping[str, Callable[[Session, datetime], Any]] = {
    "elapsed": lambda session, at: (session.ended_at or at) - session.claimed_at,
    "cost": lambda session, at: _cost(session),
    "output": lambda session, at: silent_since(session),
    "entry": lambda session, at: session.entry.seq,
    "burn": burn,
}
ORDER = rf"^-?({'|'.join(SORTS)})$"
PHASE = rf"^({'|'.join(Session.Phase.values)})$"


def place(session: Session, sort: str, at: datetime) -> tuple[Any, str]:
    """The key of its place in an order; one with `-` reads the list from its end."""
    return SORTS[sort.removeprefix("-")](session, at), session.pk


def at_work(sessions: Sequence[Session], at: datetime, *, phase: str, words: str, sort: str) -> list[Session]:
    """Open sessions with this phase and these words, in this order; empty: in any, or as they are."""
    chosen = [row for row in sessions if (not phase or row.phase == phase) and has_words(row, words)]
    return sorted(chosen, key=lambda row: place(row, sort, at), reverse=sort.startswith("-")) if sort else chosen


def has_words(session: Session, text: str) -> bool:
    """True for a part of its entry's text, the number of that, or the begin of an id of both."""
    words, entry = text.strip().lower(), session.entry
    named = words.removeprefix("#") == str(entry.seq) or any(id_.startswith(words) for id_ in (session.pk, entry.pk))
    return not words or named or words in entry.content.lower()


def of_words(text: str) -> Q:
    """The same in the database, where an id is whole: an index finds it."""
    return entries.by_word(text, "entry__") | Q(pk=text)
