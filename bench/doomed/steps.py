"""A session of the set as steps of its agent, and the texts that its tools answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

FILES = tuple(
    f"src/{area}/{part}.py"
    for area in ("api", "core", "store", "views")
    for part in ("models", "parse", "query", "rules", "sync")
)
CASES = ("test_dates_are_parsed", "test_empty_input", "test_rates_are_rounded", "test_unknown_zone", "test_sorted_by_name")
BASE_TOKENS, STEP_TOKENS = 14_000, 700
"""The size of a first request, and what each step adds to the next."""


@dataclass(frozen=True, slots=True)
class Step:
    """One tool. `changes`: it changes a file of the clone."""

    kind: str
    argument: str
    answer: str
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """`shape`: the name of what it plays. `findings`: of the round before."""

    shape: str
    healthy: bool
    steps: Sequence[Step]
    findings: Sequence[str] = ()

    def tokens(self, until: int | None = None) -> int:
        """The tokens of all requests up to a step: each step is one, with all that was said before."""
        return sum(BASE_TOKENS + STEP_TOKENS * n for n in range(len(self.steps) if until is None else until))


def run(dice: Random, command: str, answer: str) -> Step:
    return Step("bash", command, answer)


def read(dice: Random, path: str = "") -> Step:
    path = path or dice.choice(FILES)
    return Step("read", path, f"def {path.rpartition('/')[2][:-3]}(value):\n    return value  # of {path}")


def search(dice: Random) -> Step:
    word = f"{dice.choice(('parse', 'zone', 'rate', 'load', 'save'))}_{dice.randrange(40)}"
    return Step("bash", f"rg -n {word} src", f"{dice.choice(FILES)}:{dice.randrange(400)}: {word}(value)")


def edit(dice: Random) -> Step:
    return Step("edit", dice.choice(FILES), f"value = {dice.randrange(10**6)}", changes=True)


def no_edit(path: str) -> Step:
    """An edit that its tool refuses, the same each time."""
    return Step("failed_edit", path, "String to replace not found in file.")


def tests(dice: Random, failing: Sequence[str], command: str = "python -m pytest -q", *, line: int = 14) -> Step:
    """A run of pytest, as it prints it: how long it took differs each time."""
    took = f"{dice.uniform(0.3, 9):.2f}s"
    if not failing:
        return Step("bash", command, f"{'.' * 12} [100%]\n12 passed in {took}")
    bodies = "\n".join(f"tests/test_core.py:{line}: AssertionError\nE   assert {len(name)} == 0" for name in failing)
    summary = "\n".join(f"FAILED tests/test_core.py::{name} - AssertionError: assert {len(name)} == 0" for name in failing)
    return Step("bash", command, f"{bodies}\n{summary}\n{len(failing)} failed, {12 - len(failing)} passed in {took}")


def findings(failing: Sequence[str]) -> list[str]:
    return [f"pytest: tests.test_core.{name}: AssertionError: assert {len(name)} == 0" for name in failing]
