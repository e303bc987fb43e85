"""What people type into the search of entries: words, "quoted words", and qualifiers such as `spent:>5`. Pure: text in, terms out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from orchestration import reasons

MOST_WORDS, MOST_TERMS, LONGEST = 12, 20, 400
PRIORITIES = ("critical", "high", "medium", "low")
# What is said of an entry's standing: the name of the address and of `status:`, and how the sentence calls it.
STATUSES = {
    "ready": "ready",
    "running": "running",
    "waiting": "waiting",
    "blocked": "blocked",
    "failed": "failed",
    "done": "done",
    "open": "not done",
}
_STATUS_TOO = {"pending": "ready", "in_progress": "running", "progress": "running"}
_COMPARED = re.compile(r"(>=|<=|>|<|=)?\s*(.+)")
_WAYS = {">": "over", ">=": "at least", "<": "under", "<=": "at most", "=": ""}
_PIECE = re.compile(r'([A-Za-z_]+):("([^"]*)"?|\S*)|"([^"]*)"?|(\S+)')


@dataclass(frozen=True)
class Term:
    """`name` is one of NAMES; `way` compares, for numbers; `value` is text, a number, or micro-USD for amounts. `said`: for the sentence."""

    name: str
    value: str | int | float | bool
    way: str = "="
    said: str = ""


@dataclass(frozen=True)
class Asked:
    words: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.words or self.terms)


def parse(text: str) -> Asked:
    """What does not parse is named and left out: a search is never refused."""
    words: list[str] = []
    terms: list[Term] = []
    ignored: list[str] = []
    for piece in _PIECE.finditer(text[:LONGEST].replace("\x00", " ")):
        name, said, quoted_value, quoted, word = piece.groups()
        if name is None:
            plain = (quoted if quoted is not None else word).strip()
            if plain:
                words.append(plain)
            continue
        if name.lower() not in _READERS:
            words.append(piece.group())  # `app:main` or an address: words, as they stand
            continue
        value = quoted_value if quoted_value is not None else said
        term = _READERS[name.lower()](value.strip()) if value.strip() else None
        if term is None:
            ignored.append(piece.group()[:60])
        else:
            terms.append(term)
    ignored += [word[:60] for word in words[MOST_WORDS:]] + [term.said for term in terms[MOST_TERMS:]]
    return Asked(tuple(words[:MOST_WORDS]), tuple(dict.fromkeys(terms[:MOST_TERMS])), tuple(dict.fromkeys(ignored)))


def sentence(asked: Asked, *more: str) -> str:
    """`blocked, spent over $5.00, with “invoice”`: how it was understood. Empty when nothing was asked."""
    parts = [*more, *(term.said for term in asked.terms), *(f"with “{word}”" for word in asked.words)]
    return ", ".join(part for part in parts if part)


def status(value: str) -> Term | None:
    found = _STATUS_TOO.get(value.lower(), value.lower())
    return Term("status", found, said=STATUSES[found]) if found in STATUSES else None


def reason(value: str) -> Term | None:
    code = reasons.ALIASES.get(value.lower(), value.lower())
    known = reasons.words(code)
    return Term("reason", str(code), said=f"waiting for {known.search}") if known else None


def _flag(name: str, yes: str, no: str) -> Callable[[str], Term | None]:
    def read(value: str) -> Term | None:
        if value.lower() in ("yes", "true", "1"):
            return Term(name, True, said=yes)
        return Term(name, False, said=no) if value.lower() in ("no", "false", "0") else None

    return read


def _number(name: str, words: str, *, money: bool = False, whole: bool = False) -> Callable[[str], Term | None]:
    def read(value: str) -> Term | None:
        found = _COMPARED.fullmatch(value)
        amount = _decimal(found.group(2).removeprefix("$")) if found else None
        if found is None or amount is None or (whole and amount != int(amount)):
            return None
        way = found.group(1) or "="
        shown = (
            f"${amount:,.2f}" if money and amount * 100 == int(amount * 100) else f"{'$' if money else ''}{amount.normalize():f}"
        )
        said = " ".join(part for part in (words, _WAYS[way], shown) if part)
        kept: int | float = int(amount * 1_000_000) if money else int(amount) if whole else float(amount)
        return Term(name, kept, way, said)

    return read


def _decimal(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    if not (text.isascii() and len(text) <= 20 and amount.is_finite() and 0 <= amount <= 1_000_000_000):
        return None
    # `1e-999999` is a short word, and a million digits in the sentence that tells how it was understood.
    return amount if not amount or amount.adjusted() >= -12 else None


def _dependency(value: str) -> Term | None:
    number = value.removeprefix("#")
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        return None
    return Term("dep", int(number), said=f"waiting for #{int(number)}")


def _text(name: str, words: str) -> Callable[[str], Term | None]:
    return lambda value: Term(name, value[:200], said=f"{words} {value[:200]}")


def _priority(value: str) -> Term | None:
    return Term("priority", value.lower(), said=f"of {value.lower()} priority") if value.lower() in PRIORITIES else None


_READERS: dict[str, Callable[[str], Term | None]] = {
    "status": status,
    "reason": reason,
    "locked": _flag("locked", "with a locked budget", "without a locked budget"),
    "held": _flag("held", "on hold", "not on hold"),
    "spent": _number("spent", "spent", money=True),
    "budget": _number("budget", "budget", money=True),
    "score": _number("score", "best score"),
    "rounds": _number("rounds", "rounds made", whole=True),
    "dep": _dependency,
    "file": _text("file", "touching"),
    "priority": _priority,
    "group": _text("group", "in the group"),
    "by": _text("by", "added by"),
}
NAMES: Sequence[str] = tuple(_READERS)
