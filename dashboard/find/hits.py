"""Results of the search, in groups. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_IN_GROUP = 6
MAX_WORDS, MAX_LENGTH = 8, 200


@dataclass(frozen=True)
class Hit:
    """One result: a link, or with `is_form` a form that is posted to `url`, with one field. `also`: more words that it is found by."""

    title: str
    url: str
    detail: str = ""
    also: str = ""
    is_form: bool = False
    field: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Group:
    name: str
    title: str
    hits: Sequence[Hit]


def words_of(text: str) -> tuple[str, ...]:
    """The typed text, as words. A NUL reaches no database."""
    return tuple(text[:MAX_LENGTH].replace("\x00", " ").split()[:MAX_WORDS])


def pick(hits: Iterable[Hit], words: Sequence[str]) -> list[Hit]:
    """The hits that have every word, those whose title starts with the first one first."""
    lowered = [word.lower() for word in words]
    matching = [hit for hit in hits if all(word in f"{hit.title} {hit.detail} {hit.also}".lower() for word in lowered)]
    if lowered:
        matching.sort(key=lambda hit: (not hit.title.lower().startswith(lowered[0]), lowered[0] not in hit.title.lower()))
    return matching[:MAX_IN_GROUP]


def is_named(hits: Sequence[Hit], words: Sequence[str]) -> bool:
    """True if the words are the begin of the first hit's title: the person types its name."""
    return bool(words) and bool(hits) and hits[0].title.lower().startswith(" ".join(words).lower())
