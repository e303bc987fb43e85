"""Plan against what came of it. Pure: amounts in micro-USD."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar


class Figures(Protocol):
    """What a line of a review has."""

    budget: int
    spent: int
    forecast: int | None


L = TypeVar("L", bound=Figures)


@dataclass(frozen=True, slots=True)
class Variance:
    """How far an amount is from the plan: over is positive. `percent` of the plan; None where nothing was planned."""

    amount: int
    percent: float | None


def against(planned: int, amount: int) -> Variance:
    over = amount - planned
    return Variance(over, round(100 * over / planned, 2) if planned else None)


def actual(line: Figures) -> Variance:
    """Spent so far against the plan."""
    return against(line.budget, line.spent)


def forecast(line: Figures) -> Variance | None:
    """What it will have cost against the plan; None: not known."""
    return None if line.forecast is None else against(line.budget, line.forecast)


def ranked(lines: Iterable[L]) -> list[L]:
    """Farthest from the plan first: by the forecast where there is one, else by what is spent. Equals keep their order."""
    return sorted(lines, key=lambda line: -abs((forecast(line) or actual(line)).amount))
