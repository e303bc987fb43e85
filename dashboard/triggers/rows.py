"""Triggers and their firings as pages show them."""

from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from dashboard.shared import fragments
from dashboard.shared.texts.labels import Link
from orchestration.models import Executor, Firing, Trigger
from orchestration.triggers import reads

SKIPPED = {
    "disabled": "It was off",
    "overlap": "Its last entry was open",
    "month_budget": "The month's budget was used up",
    "downtime": "Muster was down",
    "invalid": "Its entry does not fit the config",
    "open": "The issue has an open entry",
    "stranger": "Who added the label may not write there",
    "agent": "An agent's account added the label",
}


@dataclass(frozen=True)
class FiringRow:
    """`link`: the entry that it added. `reason`: why it added none."""

    firing: Firing
    link: Link | None

    @property
    def reason(self) -> str:
        code = self.firing.skipped
        return SKIPPED.get(code, code.replace("_", " ").capitalize())


@dataclass(frozen=True)
class TriggerRow:
    """`sentence`: when it fires. `url`: of its webhook. `committed`: what this month's entries have cost and may still cost. `obstacle`: why its issues are not
    looked at."""

    trigger: Trigger
    sentence: str
    committed: int
    times: list[datetime] = field(default_factory=list)
    last: FiringRow | None = None
    url: str = ""
    obstacle: str = ""

    @property
    def left(self) -> int | None:
        """The money that new entries of this month may still cost; None: there is no limit."""
        return None if self.trigger.month_budget is None else max(self.trigger.month_budget - self.committed, 0)

    @property
    def is_used_up(self) -> bool:
        """True if the month has too little for another entry."""
        return self.left is not None and self.left < self.trigger.firing_budget


def every(executor: Executor) -> list[TriggerRow]:
    """The workspace's triggers, the oldest first. A fixed number of queries."""
    live = Trigger.objects.filter(workspace_id=executor.workspace_id, deleted_at__isnull=True)
    triggers = list(live.order_by("created_at", "pk"))
    now, firings = timezone.now(), reads.newest_firings(triggers)
    amounts = reads.committed(triggers, now)
    obstacles = reads.obstacles_of(triggers, executor)
    return [
        TriggerRow(
            row,
            reads.sentence(row),
            amounts[row.pk],
            reads.next_times(row, now, 1),
            _last(firings.get(row.pk)),
            obstacle=obstacles.get(row.pk, ""),
        )
        for row in triggers
    ]


def single(row: Trigger, executor: Executor) -> TriggerRow:
    now = timezone.now()
    return TriggerRow(
        row,
        reads.sentence(row),
        reads.committed([row], now)[row.pk],
        reads.next_times(row, now),
        url=reads.webhook_url(row),
        obstacle=reads.obstacles_of([row], executor).get(row.pk, ""),
    )


def fired(firing: Firing) -> FiringRow:
    return FiringRow(firing, fragments.link_to(firing.entry) if firing.entry else None)


def _last(firing: Firing | None) -> FiringRow | None:
    return fired(firing) if firing else None
