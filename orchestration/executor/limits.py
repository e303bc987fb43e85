"""Spend limits as the plan sees them, with the sentence for an entry that waits for one. Pure."""

from dataclasses import dataclass

from budget.amounts import exact_usd


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """A limit on sessions' spend, in addition to the project's cap. `left`: limit - spent - held, in micro-USD."""

    category: str
    period: str
    limit: int
    left: int

    def sentence(self, needed: int) -> str:
        """The reason why a session that needs `needed` micro-USD waits, and when it can start."""
        scope = "" if self.category == "total" else " for entries"
        name = (
            f"oday's limit of {exact_usd(self.limit)}{scope}"
            if self.period == "day"
            else f"he limit of {exact_usd(self.limit)}{scope}"
        )
        remedy = "continues at 00:00 UTC, or raise it" if self.period == "day" else "raise it"
        if self.left <= 0:
            return f"T{name} is used up: {remedy}"
        return f"{exact_usd(self.left)} is left of t{name}, a round needs {exact_usd(needed)}: {remedy}"
