"""A running session's reservation grows step by step while it spends, and shrinks to what its round may still need."""

from dataclasses import dataclass

from budget import ledger
from budget.models import Hold
from orchestration.configuration import Config, micro
from orchestration.messaging import wake_ups
from orchestration.models import Session


@dataclass(frozen=True, slots=True)
class Growth:
    """Micro-USD: the most that a session may reserve for its implementation, and how much it requests at a time."""

    ceiling: int
    step: int

    def is_low(self, left: int) -> bool:
        return left < self.step / 2

    def next_step(self, *, amount: int, drawn: int) -> int:
        """How much to request: another step once less than half a step is left, never past the ceiling; 0 for no request."""
        if not self.is_low(amount - drawn):
            return 0
        return max(min(self.step, self.ceiling - amount), 0)


def growth(config: Config) -> Growth:
    """Without an initial reservation in the config the step is the whole ceiling: only a reservation that started short can grow."""
    step = config.round_ceiling if config.initial_reservation is None else config.initial_reservation
    return Growth(config.round_ceiling, max(step, config.min_round))


def shrink(session: Session, config: Config) -> None:
    """After the implementation: keep what the round's reviewers may spend, and return the rest at once, so that other entries start.

    A session with unknown cost keeps the whole reservation: it will be charged in full.
    """
    if session.hold_id is None or session.unpriced_model:
        return
    keep = sum(micro(agent.round_usd) for agent in (config.interceptor, config.verifier) if agent is not None)
    if ledger.shrink(session.hold_id, keep=keep):
        session.hold = Hold.objects.get(pk=session.hold_id)
        wake_ups.enqueue_cycle(session.workspace_id)
        wake_ups.publish_change(session.workspace_id, "budget", "workers")
