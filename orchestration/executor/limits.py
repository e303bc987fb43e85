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

    @property
    def name(self) -> str:
        """Without its first letter, which is large at the beginning of a sentence."""
        scope = "" if self.category == "total" else " for entries"
        which = "oday's" if self.period == "day" else "he"
        return f"{which} limit of {exact_usd(self.limit)}{scope}"

    @property
    def remedy(self) -> str:
        return "continues at 00:00 UTC, or raise it" if self.period == "day" else "raise it"

    def sentence(self, needed: int) -> str:
        """The reason why a session that needs `needed` micro-USD waits, and when it can start."""
        if self.left <= 0:
            return f"T{self.name} is used up: {self.remedy}"
        return f"{exact_usd(self.left)} is left of t{self.name}, a round needs {exact_usd(needed)}: {self.remedy}"
