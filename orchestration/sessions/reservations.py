"""How the hold of a session at work grows and shrinks: in slices while it spends, and back to what its round can still need."""

from dataclasses import dataclass

from budget import ledger
from budget.models import Hold
from orchestration.configuration import Config, micro
from orchestration.messaging import wake_ups
from orchestration.models import Session


@dataclass(frozen=True, slots=True)
class Growth:
    """In micro-USD: the most that a session may come to hold for its implementation, and how much more it asks for at a time."""

    ceiling: int
    step: int

    def is_low(self, left: int) -> bool:
        return left < self.step / 2

    def next_step(self, *, amount: int, drawn: int) -> int:
        """How much to ask for: another slice once less than half a slice is left, never past the ceiling."""
        if not self.is_low(amount - drawn):
            return 0
        return max(min(self.step, self.ceiling - amount), 0)


def growth(config: Config) -> Growth:
    """Without slices the step is the whole ceiling: then only a hold that began short, because money was short, has room to grow."""
    step = config.round_ceiling if config.initial_reservation is None else config.initial_reservation
    return Growth(config.round_ceiling, max(step, config.min_round))


def shrink(session: Session, config: Config) -> None:
    """The implementation is over: keep what the round's reviewers may still spend, and give the rest back at once, so that others start.

    Not where the cost is unknown: then the whole hold is what it will be charged.
    """
    if session.hold_id is None or session.unpriced_model:
        return
    keep = sum(micro(agent.round_usd) for agent in (config.interceptor, config.verifier) if agent is not None)
    if ledger.shrink(session.hold_id, keep=keep):
        session.hold = Hold.objects.get(pk=session.hold_id)
        wake_ups.enqueue_cycle(session.workspace_id)
        wake_ups.publish_change(session.workspace_id, "budget", "workers")
