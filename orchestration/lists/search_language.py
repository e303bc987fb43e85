"""The search of entries: words, "quoted words", and qualifiers such as `spent:>5`. Pure: text in, terms out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from orchestration.configuration import DEFAULT
from orchestration.facts import reasons
from workspaces import times

MAX_WORDS, MAX_TERMS, MAX_LENGTH = 12, 20, 400
PRIORITIES = ("critical", "high", "medium", "low")
# Values of `status:` and of the URL, with their words in the sentence.
STATUSES = {
    "ready": "ready",
    "running": "in progress",
    "review": "in review",
    "waiting": "waiting",
    "blocked": "blocked",
    "failed": "failed",
    "done": "done",
    "open": "not done",
    "stuck": "blocked or failed",
    "landed": "landed today",
}
SPANS = {"24h": timedelta(days=1), "7d": timedelta(days=7)}
_STATUS_SYNONYMS = {"pending": "ready", "in_progress": "running", "progress": "running"}
_COMPARED = re.compile(r"(>=|<=|>|<|=)?\s*(.+)")
_COMPARISONS = {">": "over", ">=": "at least", "<": "under", "<=": "at most", "=": ""}
_PIECE = re.compile(r'([A-Za-z_]+):("([^"]*)"?|\S*)|"([^"]*)"?|(\S+)')


@dataclass(frozen=True)
class Term:
    """`name` is one of NAMES; `comparison` applies to numbers; `value` is text, a number, or micro-USD. `description`: for the sentence."""

    name: str
    value: str | int | float | bool
    comparison: str = "="
    description: str = ""


@dataclass(frozen=True)
class Search:
    words: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def has_criteria(self) -> bool:
        return bool(self.words or self.terms)


def parse(text: str) -> Search:
    """Terms that do not parse are ignored and listed: a search is never refused."""
    words: list[str] = []
    terms: list[Term] = []
    ignored: list[str] = []
    for piece in _PIECE.finditer(text[:MAX_LENGTH].replace("\x00", " ")):
        name, raw_value, quoted_value, quoted, word = piece.groups()
        if name is None:
            plain = (quoted if quoted is not None else word).strip()
            if plain:
                words.append(plain)
            continue
        if name.lower() not in _READERS:
            words.append(piece.group())  # `app:main` or a URL: plain words
            continue
        value = quoted_value if quoted_value is not None else raw_value
        term = _READERS[name.lower()](value.strip()) if value.strip() else None
        if term is None:
            ignored.append(piece.group()[:60])
        else:
            terms.append(term)
    ignored += [word[:60] for word in words[MAX_WORDS:]] + [term.description for term in terms[MAX_TERMS:]]
    return Search(tuple(words[:MAX_WORDS]), tuple(dict.fromkeys(terms[:MAX_TERMS])), tuple(dict.fromkeys(ignored)))


def sentence(search: Search, *more: str) -> str:
    """`blocked, spent over $5.00, with “invoice”`: the search as a sentence. Empty without criteria."""
    parts = [*more, *(term.description for term in search.terms), *(f"with “{word}”" for word in search.words)]
    return ", ".join(part for part in parts if part)


def status(value: str) -> Term | None:
    name = _STATUS_SYNONYMS.get(value.lower(), value.lower())
    return Term("status", name, description=STATUSES[name]) if name in STATUSES else None


def reason(value: str) -> Term | None:
    code = reasons.ALIASES.get(value.lower(), value.lower())
    known = reasons.words(code)
    return Term("reason", str(code), description=known.group) if known else None


def _flag(name: str, yes: str, no: str) -> Callable[[str], Term | None]:
    def read(value: str) -> Term | None:
        if value.lower() in ("yes", "true", "1"):
            return Term(name, True, description=yes)
        return Term(name, False, description=no) if value.lower() in ("no", "false", "0") else None

    return read


def _number(name: str, words: str, *, money: bool = False, whole: bool = False) -> Callable[[str], Term | None]:
    def read(value: str) -> Term | None:
        match = _COMPARED.fullmatch(value)
        amount = _decimal(match.group(2).removeprefix("$")) if match else None
        if match is None or amount is None or (whole and amount != int(amount)):
            return None
        comparison = match.group(1) or "="
        shown = (
            f"${amount:,.2f}" if money and amount * 100 == int(amount * 100) else f"{'$' if money else ''}{amount.normalize():f}"
        )
        description = " ".join(part for part in (words, _COMPARISONS[comparison], shown) if part)
        kept: int | float = int(amount * 1_000_000) if money else int(amount) if whole else float(amount)
        return Term(name, kept, comparison, description)

    return read


def _decimal(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    if not (text.isascii() and len(text) <= 20 and amount.is_finite() and 0 <= amount <= 1_000_000_000):
        return None
    # `1e-999999` is short to type but becomes a million digits in the sentence.
    return amount if not amount or amount.adjusted() >= -12 else None


def _of_entry(name: str, words: str) -> Callable[[str], Term | None]:
    def read(value: str) -> Term | None:
        number = value.removeprefix("#")
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            return None
        return Term(name, int(number), description=f"{words} #{int(number)}")

    return read


def _text(name: str, words: str) -> Callable[[str], Term | None]:
    return lambda value: Term(name, value[:200], description=f"{words} {value[:200]}")


def _asks(value: str) -> Term | None:
    name = value[:63]
    return Term("asks", "" if name == DEFAULT else name, description=f"whose next session is for the agent {name}")


def _worked(value: str) -> Term | None:
    """`24h`, `7d`, a day, or two moments as `from..to`; in UTC."""
    if value in SPANS:
        return Term("worked", value, description=f"worked on in the last {'24 hours' if value == '24h' else '7 days'}")
    start, _, end = value.partition("..")
    since = times.parse_minute(start)
    until = times.parse_minute(end) if end else since and since + timedelta(days=1)
    if since is None or until is None or since >= until:
        return None
    return Term("worked", f"{times.minute(since)}..{times.minute(until)}", description=f"worked on in {value} (UTC)")


def _priority(value: str) -> Term | None:
    return Term("priority", value.lower(), description=f"of {value.lower()} priority") if value.lower() in PRIORITIES else None


_READERS: dict[str, Callable[[str], Term | None]] = {
    "status": status,
    "reason": reason,
    "locked": _flag("locked", "with a locked budget", "without a locked budget"),
    "held": _flag("held", "on hold", "not on hold"),
    "over": _flag("over", "over budget", "within budget"),
    "own_budget": _flag("own_budget", "with a budget of their own", "without a budget of their own"),
    "spent": _number("spent", "spent", money=True),
    "budget": _number("budget", "budget", money=True),
    "score": _number("score", "best score"),
    "rounds": _number("rounds", "rounds", whole=True),
    "dep": _of_entry("dep", "waiting for"),
    "parent": _of_entry("parent", "below"),
    "file": _text("file", "touching"),
    "priority": _priority,
    "group": _text("group", "in the group"),
    "by": _text("by", "added by"),
    "agent": _text("agent", "worked on by the agent"),
    "asks": _asks,
    "model": _text("model", "worked on by the model"),
    "worked": _worked,
}
NAMES: Sequence[str] = tuple(_READERS)
