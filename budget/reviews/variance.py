"""Actual and forecast spend compared with the plan. Pure: amounts in micro-USD."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar


class Figures(Protocol):
    """The figures of a review's line."""

    budget: int
    spent: int
    forecast: int | None


L = TypeVar("L", bound=Figures)


@dataclass(frozen=True, slots=True)
class Variance:
    """The difference from the plan; over is positive. `percent` of the plan; None where the plan is 0."""

    amount: int
    percent: float | None


def compare(planned: int, amount: int) -> Variance:
    over = amount - planned
    return Variance(over, round(100 * over / planned, 2) if planned else None)


def spent_variance(line: Figures) -> Variance:
    """Spent so far against the plan."""
    return compare(line.budget, line.spent)


def forecast_variance(line: Figures) -> Variance | None:
    """The forecast against the plan; None: not known."""
    return None if line.forecast is None else compare(line.budget, line.forecast)


def rank(lines: Iterable[L]) -> list[L]:
    """Farthest from the plan first: by the forecast where there is one, else by the spend. Ties keep their order."""
    return sorted(lines, key=lambda line: -abs((forecast_variance(line) or spent_variance(line)).amount))
