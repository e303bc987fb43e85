"""The self-reported cost of a process behind the gateway. It is no charge: the gateway counts each request. People see a difference."""

from budget import amounts
from budget.ledger import requests
from orchestration.configuration.config import agent_kinds
from orchestration.sessions import metering
from orchestration.sessions.metering import Usage

SAME_OF_100, SAME = 1, 1000
"""Tolerances: 1 %, or so many micro-USD. Each side rounds."""


class OwnReport:
    """The sum of one process's reports, in micro-USD; None: a part has no price."""

    def __init__(self) -> None:
        self.amount: int | None = 0

    def add(self, usage: Usage) -> None:
        cost = usage.cost if usage.cost is not None else metering.price(usage)
        self.amount = None if self.amount is None or cost is None else self.amount + cost

    def differs(self, kind: str, access: str) -> str:
        """The sentence about its difference from the gateway's count of an access, or "". A partial count has none."""
        counted = requests.counted_of(access)
        if not self.amount or counted is None:
            return ""
        difference = abs(counted - self.amount)
        if difference <= SAME or difference * 100 <= SAME_OF_100 * max(counted, self.amount):
            return ""
        reported, by_gateway = (amounts.format_usd(amount, exact=True) for amount in (self.amount, counted))
        return f"{agent_kinds.title(kind)} reports {reported}, the gateway counted {by_gateway}: that is booked"
