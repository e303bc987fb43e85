"""Agents in one process: each spends a little at every tick, through the ledger and the reservations of production, until its work is done."""

from collections.abc import Mapping
from typing import Any

from budget.amounts import usd
from budget.models import Category
from orchestration import configuration, sessions
from orchestration.backlog.rules import ways
from orchestration.executor import dispatch
from orchestration.models import Entry, Executor, Session
from orchestration.sessions import reservations, rounds
from orchestration.sessions.ending import Verdict
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agent_run.usage_listener import UsageListener
from orchestration.worker.agents.shared.events import Usage
from tests.factories import a_worker, project
from workspaces.models import Workspace


class Task:
    role = record = "implement"
    limit = 0


class Crew:
    """`costs`: what each entry costs until it is done (USD), by its number. Its work is kept between sessions."""

    def __init__(self, workspace: Workspace, costs: Mapping[int, str], *, step: str = "0.05") -> None:
        self.workspace, self.step = workspace, usd(step)
        self.need = {seq: usd(cost) for seq, cost in costs.items()}
        self.worker, self.ticks = a_worker(), 0
        self.listeners: dict[str, UsageListener] = {}
        self.at_work: list[int] = []
        self.first_reservations: list[int] = []
        self.worst_overrun = 0
        self._usage = 0

    def work(self, *, most: int = 1000) -> "Crew":
        """Until nothing starts any more, or for so many ticks."""
        while self.ticks < most and self.tick():
            pass
        return self

    def tick(self) -> bool:
        dispatch.cycle(self.workspace.pk)
        running = [self._started(session) for session in self._open()]
        self.ticks += bool(running)
        if running:
            self.at_work.append(len(running))
        for session in running:
            self._spend(session)
        row = project(self.workspace)
        plan = min(row.total_budget or row.max_project_spend, row.max_project_spend)
        self.worst_overrun = max(self.worst_overrun, row.total_spent + row.held - plan)
        return bool(running)

    @property
    def done(self) -> list[int]:
        return sorted(Entry.objects.filter(workspace=self.workspace, status="done").values_list("seq", flat=True))

    @property
    def parallelism(self) -> float:
        return sum(self.at_work) / self.ticks

    def _open(self) -> list[Session]:
        return list(Session.objects.filter(workspace=self.workspace, status__in=Session.OPEN).order_by("entry__seq"))

    def _started(self, session: Session) -> Session:
        if session.status == Session.Status.CLAIMED:
            taken = sessions.take(session.pk, attempt=session.attempt, worker=self.worker)
            assert taken is not None and taken.hold is not None
            session = taken
            opened = rounds.begin(session, base_commit="0" * 40)
            sessions.write(session, round_number=opened.number, phase=Session.Phase.IMPLEMENTATION)
            self.first_reservations.append(taken.hold.amount)
            config = configuration.load(Executor.objects.get(pk=self.workspace.pk).config)
            reader: Any = None
            task: Any = Task()
            flags = StopFlags(session.pk, session.attempt)
            usual = reservations.usual_cost(self.workspace.pk, config)
            growth = reservations.growth(config, first=taken.hold.amount, usual=usual)
            self.listeners[session.pk] = UsageListener(session, flags, reader, task, Category.ENTRY, growth=growth)
        return session

    def _spend(self, session: Session) -> None:
        """One step, never past the reservation: this agent keeps its limit."""
        session = Session.objects.select_related("entry__account__project", "hold").get(pk=session.pk)
        if session.status != Session.Status.RUNNING:
            return
        seq, listener = session.entry.seq, self.listeners[session.pk]
        assert session.hold is not None
        reservation = session.hold
        amount = min(self.step, self.need[seq], reservation.amount - reservation.drawn)
        if amount <= 0 and not session.stop_wanted_at and not listener.reason:
            self._look_again(listener)  # it waits for money that is about to come back
            return
        if session.stop_wanted_at or amount <= 0:
            sessions.conclude(session, sessions.Ending(Session.Outcome.OUT_OF_MONEY, "out of money"))
            return
        self._usage += 1
        listener.meter._growth_retry_s = 0.0  # some seconds later
        listener._handle(Usage(str(self._usage), amount))
        self.need[seq] -= amount
        if self.need[seq] > 0 and listener.meter._used_up_at is not None:
            listener.meter._used_up_at -= 1  # in the middle of its next request
            self._look_again(listener)
        if self.need[seq] <= 0:
            verdict = Verdict(passed=True, score=1.0, findings=[])
            done = ways.nothing_to_do(round=session.round_number)
            assert sessions.conclude(session, sessions.Ending(Session.Outcome.PASSED, verdict=verdict, done=done))

    @staticmethod
    def _look_again(listener: UsageListener) -> None:
        listener.meter._growth_tried_at = 0.0
        listener.meter.check()
