"""All pairs: a short list of cases in which each two values of two dimensions meet, unless their pair is excluded. Pure."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

Case = dict[str, str]
Table = Mapping[str, Sequence[str]]
Value = tuple[str, str]
"""A dimension and one of its values."""
Excluded = Callable[[Value, Value], str]
"""The reason why two values never meet; empty: they may."""
TRIES = 30
"""So many cases are tried for each that is taken."""


def required(table: Table, excluded: Excluded) -> set[frozenset[Value]]:
    """Every pair that must be covered."""
    values = [(name, value) for name, each in table.items() for value in each]
    return {frozenset(pair) for pair in combinations(values, 2) if pair[0][0] != pair[1][0] and not excluded(*pair)}


def pairs(case: Mapping[str, str]) -> set[frozenset[Value]]:
    return {frozenset(pair) for pair in combinations(case.items(), 2)}


def cases(table: Table, excluded: Excluded, seed: int) -> list[Case]:
    """A list that covers every required pair, the same for the same seed. Raises ValueError for a pair that no case can have."""
    dice, left, chosen = random.Random(seed), required(table, excluded), list[Case]()
    while left:
        open_pairs = sorted(left, key=sorted)
        tried = [case for _ in range(TRIES) if (case := _grown(table, excluded, dice.choice(open_pairs), left, dice))]
        if not tried:
            raise ValueError(f"no case can have all of these: {sorted(open_pairs[0])}")
        chosen.append(max(tried, key=lambda case: len(pairs(case) & left)))
        left -= pairs(chosen[-1])
    return chosen


def _grown(table: Table, excluded: Excluded, pair: frozenset[Value], left: set[frozenset[Value]], dice: random.Random) -> Case:
    """A case that begins with this pair and takes, dimension by dimension, the value that covers the most. Empty: a dimension has none that fits."""
    case = dict(sorted(pair))
    rest = [name for name in table if name not in case]
    dice.shuffle(rest)
    for name in rest:
        fitting = [value for value in table[name] if not any(excluded((name, value), known) for known in case.items())]
        if not fitting:
            return {}
        dice.shuffle(fitting)
        case[name] = max(fitting, key=lambda value: sum(frozenset({(name, value), known}) in left for known in case.items()))
    return {name: case[name] for name in table}


def number(table: Table, case: Mapping[str, str]) -> int:
    """The case as a number: it has the same values for as long as the table has the same ones."""
    result = 0
    for name, values in table.items():
        result = result * len(values) + list(values).index(case[name])
    return result


def numbered(table: Table, seed: int) -> Case:
    """The case of a number. Raises ValueError for one that the table does not have."""
    case = Case()
    for name, values in reversed(list(table.items())):
        seed, place = divmod(seed, len(values))
        case[name] = values[place]
    if seed:
        raise ValueError("the table has fewer cases")
    return {name: case[name] for name in table}


def smaller(table: Table, excluded: Excluded, case: Mapping[str, str]) -> Iterator[Case]:
    """The case with one more dimension at its plain value, which is the first of each, where that is no excluded pair."""
    for name, values in table.items():
        plain = {**case, name: values[0]}
        if case[name] != values[0] and not any(excluded(*sorted(pair)) for pair in pairs(plain)):
            yield plain


def singles(table: Table) -> list[Case]:
    """Each value alone, beside plain ones."""
    plain = {name: values[0] for name, values in table.items()}
    return [plain, *({**plain, name: value} for name, values in table.items() for value in values[1:])]
