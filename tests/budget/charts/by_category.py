"""Values in the order of the categories, so that another category changes no test."""

from typing import TypeVar

from budget.categories import CATEGORIES, LABELS

T = TypeVar("T")


def of_each(default: T, **given: T) -> tuple[T, ...]:
    """The given values by category, and the default for each other one."""
    assert given.keys() <= set(CATEGORIES), given
    return tuple(given.get(name, default) for name in CATEGORIES)


def micro(**given: int) -> tuple[int, ...]:
    return of_each(0, **given)


def shown(**given: str) -> tuple[str, ...]:
    return of_each("$0.00", **given)


def sentence(**given: str) -> str:
    """`Entries $1.00, Orchestrator $0.00, ...`."""
    return ", ".join(f"{label} {text}" for label, text in zip(LABELS.values(), shown(**given), strict=True))
