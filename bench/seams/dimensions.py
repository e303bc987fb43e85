"""The tables of dimensions, with the pairs that are excluded. The first value of each dimension is its plain one.

Whoever adds a feature adds its column here, and in `oracle` what it means. An exclusion is a sentence that a user would accept.
"""

from collections.abc import Mapping

from bench.seams.pairs import Table, Value

AGENTS = ("claude_code", "qwen", "command")
PEOPLE = ("nobody", "message", "edit", "pause and resume", "stop one", "raise the cap", "move priority")
FAULTS = ("none", "session worker", "control worker", "gateway")
PROVIDERS = ("well", "429 with a reset", "429 without", "no credit", "401", "529", "slow", "cuts", "makes more")
MONEY: Table = {
    "agent": AGENTS,
    "provider": PROVIDERS,
    "route": ("none", "fallback", "ladder", "best of two"),
    "money": ("plenty", "tight", "own budgets", "shares", "a day's limit", "raised"),
    "base": ("green", "red"),
    "roles": ("none", "verifier", "interceptor"),
    "people": PEOPLE,
    "fault": FAULTS,
}
WORK: Table = {
    "agent": AGENTS,
    "base": ("green", "red", "flaky", "moves"),
    "files": ("apart", "shared, named", "shared, unnamed", "chain", "diamond"),
    "checks": ("quick", "slow", "a port", "named files", "JUnit"),
    "sandbox": ("private", "auto", "proxy", "none"),
    "landing": ("direct", "approval", "pull request"),
    "hosts": ("one", "two", "lost and back"),
    "source": ("API", "webhook"),
    "people": PEOPLE,
    "fault": FAULTS,
}
TABLES: dict[str, Table] = {"money": MONEY, "work": WORK}
PLAIN = {name: values[0] for table in TABLES.values() for name, values in table.items()}

_JUST_ENOUGH = ("tight", "own budgets", "a day's limit", "raised")
_REASONS: dict[str, list[tuple[Value, Value]]] = {
    "A command agent's requests do not pass the gateway.": [(("agent", "command"), ("fault", "gateway"))],
    "No cap can be kept to the cent, and all work be done, with a provider that makes six times what it was allowed.": [
        (("provider", "makes more"), ("money", money)) for money in MONEY["money"][1:]
    ],
    "A command starts anew each time: what it had paid when its money ended is paid again, so that what just suffices does not.": [
        (("agent", "command"), ("money", money)) for money in _JUST_ENOUGH
    ],
    "An entry of a trigger comes alone, and depends on no other.": [
        (("source", "webhook"), ("files", files)) for files in ("chain", "diamond")
    ],
    "Two sessions work for one result: what the second costs until it is stopped is not known before, nor what just suffices.": [
        (("route", "best of two"), ("money", money)) for money in _JUST_ENOUGH
    ],
}
EXCLUDED = {frozenset(pair): reason for reason, each in _REASONS.items() for pair in each}


def excluded(one: Value, other: Value) -> str:
    return EXCLUDED.get(frozenset({one, other}), "")


_FAULTS: dict[str, list[set[Value]]] = {}
KNOWN = {frozenset(values): sentence for sentence, each in _FAULTS.items() for values in each}
"""Values, alone or together, with a fault that is not repaired yet. Its line goes with the fault."""


def known(case: Mapping[str, str]) -> list[str]:
    """The known faults that this case meets."""
    return [sentence for values, sentence in KNOWN.items() if values <= set(case.items())]


def sound(value: Value, other: Value) -> str:
    """As `excluded`, and pairs that meet a known fault."""
    return excluded(value, other) or next(iter(known(dict([value, other]))), "")
