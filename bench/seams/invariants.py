"""What must hold at each moment and at the end, on plain values: no product's code, no clock, no database. `python -m bench seams` and `./muster chaos` fill
them in from what they see.

Each check answers with sentences about what is broken.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

IDLE_S = 5.0
"""So long a slot, money and an open provider may be free while an entry could start: two seconds are promised, a loaded machine gets three more."""
TRUE_WITHIN_S = 3.0
"""A reason is true if it was at any moment of these seconds."""
PROVIDER_S = 10.0
"""So long a request may wait for a provider that takes it."""
SILENT_A_MINUTE = 6
QUIET_S, QUIET_CPU = 10.0, 0.02


@dataclass(frozen=True)
class Seen:
    """A moment. `could_start`: entries that the oracle would start now, by name; `blocked_by`: of each other one that does not run, the reasons that the oracle
    accepts; `reasons`: what the product says of it; `waits_for_provider`: requests that wait for a provider which takes them; `waits_for_money`: those that
    wait for money, while no other is under way and what is not spent pays one of them. `is_disturbed`: a fault or its
    stated recovery. Money is micro-USD: `booked`; `unknown`: stated beside it; `counted`: by the provider, before and after the rest was read."""

    at: float
    could_start: Collection[str] = ()
    free_slots: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)
    blocked_by: Mapping[str, Collection[str]] = field(default_factory=dict)
    waits_for_provider: Collection[str] = ()
    waits_for_money: Collection[str] = ()
    is_disturbed: bool = False
    booked: int = 0
    unknown: int = 0
    counted: tuple[int, int] = (0, 0)
    cap: int | None = None


@dataclass
class Watch:
    """Looks at one moment after the other. `broken`: each sentence once. `patience`: for slow machines, a factor of the stated seconds. `in_books`: the
    ledger is compared with the provider's count."""

    patience: float = 1.0
    in_books: bool = True
    overdraft: int = 0
    broken: list[str] = field(default_factory=list)
    _since: dict[tuple[str, str], float] = field(default_factory=dict)
    _named: set[tuple[str, str]] = field(default_factory=set)

    def look(self, seen: Seen) -> list[str]:
        """The sentences that are new."""
        before = len(self.broken)
        for kind, limit, names in (
            ("4", IDLE_S, seen.could_start if seen.free_slots > 0 and not seen.is_disturbed else ()),
            ("4p", PROVIDER_S, seen.waits_for_provider if not seen.is_disturbed else ()),
            ("4m", IDLE_S, seen.waits_for_money if not seen.is_disturbed else ()),
            ("3", TRUE_WITHIN_S, [] if seen.is_disturbed else list(self._false(seen))),
        ):
            self._hold(kind, limit * self.patience, names, seen)
        self._books(seen)
        return self.broken[before:]

    def _false(self, seen: Seen) -> Iterator[str]:
        """Entries whose reason is not one that the oracle accepts."""
        for name, accepted in seen.blocked_by.items():
            if seen.reasons.get(name, "") not in accepted:
                yield name

    def _hold(self, kind: str, limit: float, names: Collection[str], seen: Seen) -> None:
        """Note what has been so without a break for longer than this."""
        for key in [key for key in self._since if key[0] == kind and key[1] not in names]:
            del self._since[key]
            self._named.discard(key)
        for name in names:
            since = self._since.setdefault((kind, name), seen.at)
            if seen.at - since >= limit and (kind, name) not in self._named:
                self._named.add((kind, name))
                self._note(self._sentence(kind, name, seen.at - since, seen))

    def _sentence(self, kind: str, name: str, seconds: float, seen: Seen) -> str:
        said = seen.reasons.get(name, "") or "nothing"
        if kind == "3":
            accepted = ", ".join(sorted(seen.blocked_by[name]))
            return f"3: {name} waits, and for {seconds:.0f} s the product says {said}; true is: {accepted}"
        if kind == "4p":
            return f"4: {name} waits for its provider, which has taken requests for {seconds:.0f} s"
        if kind == "4m":
            return f"4: {name} waits for money for {seconds:.0f} s; nothing else is under way, and what is left pays its request"
        return f"4: {name} could start for {seconds:.0f} s with {seen.free_slots} slots free; the product says {said}"

    def _books(self, seen: Seen) -> None:
        low, high = seen.counted
        if self.in_books and seen.booked > high:
            self._note(f"ledger: {seen.booked} micro-USD are booked, and the provider has counted {high}", "more")
        if self.in_books and low > seen.booked + seen.unknown:
            self._note(
                f"ledger: the provider has counted {low} micro-USD, and {seen.booked} are booked with {seen.unknown} stated as unknown",
                "less",
            )
        if seen.cap is not None and high > seen.cap + self.overdraft:
            self._note(f"ledger: the provider has counted {high} micro-USD, and the cap is {seen.cap}", "cap")

    def _note(self, sentence: str, once: str = "") -> None:
        key = ("once", once or sentence)
        if key not in self._named:
            self._named.add(key)
            self.broken.append(sentence)


def books_at_the_end(booked: int, unknown: int, counted: int, *, is_exact: bool) -> Iterator[str]:
    """`is_exact`: no answer broke off, so that nothing may be unknown."""
    if is_exact and (booked, unknown) != (counted, 0):
        yield f"ledger: at the end {booked} micro-USD are booked, {unknown} unknown, and the provider has counted {counted}"
    elif not booked <= counted <= booked + unknown:
        yield f"ledger: at the end {booked} micro-USD are booked, {unknown} stated as unknown; the provider has counted {counted}"


def needless_starts(starts: Mapping[str, Sequence[bool]], allowed: int) -> Iterator[str]:
    """`starts`: of each entry its sessions, true where a request was answered or a round ended."""
    for name, useful in starts.items():
        if (vain := len(useful) - sum(useful)) > allowed:
            yield f"2: {name} was started {len(useful)} times, {vain} of them without an answered request or a round; {allowed} may be"


@dataclass(frozen=True)
class Asked:
    """A request as its provider saw it. `resets_at`: as stated in its refusal."""

    key: str
    at: float
    is_answered: bool
    is_refused: bool = False
    resets_at: float | None = None


def needless_requests(asked: Sequence[Asked], *, most: int, at_once: int, repeats: int = 1) -> Iterator[str]:
    """`most`: answers that the work needs, with one repetition for each fault. `at_once`: as many may be under way when the first refusal comes. `repeats`: so
    often a program asks again by itself."""
    answered = sum(each.is_answered for each in asked)
    if answered > most:
        yield f"6: {answered} requests were answered, and the work needs {most} at most"
    refused = [each for each in asked if each.is_refused]
    for first in refused:
        if first.resets_at is None:
            continue
        early = [each for each in asked if each.key == first.key and first.at < each.at < first.resets_at - 0.05]
        if len(early) > at_once:
            yield f"6: {first.key} was asked {len(early)} times before the reset that its provider had stated"
            break
    silent = Counter[tuple[str, int]]()
    for each in refused:
        if each.resets_at is None:
            begun = min(other.at for other in refused if other.key == each.key)
            silent[each.key, int((each.at - begun) // 60)] += 1
    for (key, minute), count in silent.items():
        if count > SILENT_A_MINUTE + at_once * repeats:
            yield f"6: {key} was asked {count} times in minute {minute + 1} of its refusals, whose end is not known; {SILENT_A_MINUTE} may be"


def noise(cpu: float, added: Mapping[str, int], most: float = QUIET_CPU) -> Iterator[str]:
    """After the last event. `cpu`: the share of a core over QUIET_S, and `most` of it; `added`: rows that came meanwhile, by what they are."""
    if cpu > most:
        yield f"5: its processes use {cpu:.1%} of a core at rest"
    if new := {name: count for name, count in added.items() if count}:
        yield f"5: at rest it writes {new}"


def too_late(seconds: float, floor_s: float, recovery_s: float, *, times: float = 3.0) -> Iterator[str]:
    """`floor_s`: what the longest line of work takes; `recovery_s`: what the case's faults and refusals may add."""
    if seconds > times * floor_s + recovery_s:
        yield f"1: all was done after {seconds:.0f} s; {times:g} times {floor_s:.0f} s and {recovery_s:.0f} s of recovery may be"
