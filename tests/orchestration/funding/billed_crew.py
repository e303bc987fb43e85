"""Agents that pay by the request: one at every tick, booked when it is answered. One that is cut pays its last request again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from budget.amounts import usd
from orchestration import configuration, sessions
from orchestration.backlog import entries
from orchestration.backlog.rules import ways
from orchestration.models import Executor, Session
from orchestration.sessions import metering
from orchestration.sessions.ending import Verdict
from orchestration.worker import agents
from orchestration.worker.agents.shared.events import Finished, Usage
from orchestration.worker.steps import conversation
from tests.factories import a_workspace, some_entries
from tests.orchestration.funding.crew import Crew
from workspaces.models import Workspace


@dataclass(frozen=True)
class Job:
    """`requests`: of each task, in USD. `after`: by a task's number from 1, those that it depends on. `on_one_file`: so many, the first."""

    requests: Sequence[Sequence[str]]
    after: Mapping[int, Sequence[int]]
    on_one_file: int = 0

    @property
    def paid(self) -> int:
        """Micro-USD of all of them."""
        return sum(usd(price) for task in self.requests for price in task)

    def workspace(self, limit: str, *, kind: str, slots: int = 10, ceiling: float = 4) -> Workspace:
        agent = {"kind": kind} | ({"command": "true"} if kind == "command" else {})
        shop = a_workspace(cap=limit, budget=limit, max_workers=slots, round_ceiling_usd=ceiling, agent=agent)
        drafts = [
            entries.Draft(
                f"task {n}",
                ref=str(n),
                depends_on=tuple(str(before) for before in self.after.get(n, ())),
                spec={"files_to_modify": ["shared" if n <= self.on_one_file else f"own-{n}"]},
            )
            for n in range(1, len(self.requests) + 1)
        ]
        some_entries(shop, *drafts)
        return shop


class BilledCrew(Crew):
    """`kind`: Claude Code stops at the limit of its start and is resumed, a command stops there for good, and Codex has no limit."""

    def __init__(self, job: Job, limit: str, *, kind: str = "claude_code", slots: int = 10, ceiling: float = 4) -> None:
        super().__init__(job.workspace(limit, kind=kind, slots=slots, ceiling=ceiling), {})
        self.kind = kind
        self.open = {n: [usd(price) for price in task] for n, task in enumerate(job.requests, start=1)}
        self.cuts = 0
        self.paid_again = 0
        self._limits: dict[str, int] = {}
        self._contexts: dict[str, Any] = {}

    def _spend(self, session: Session) -> None:
        session = Session.objects.select_related("entry__account__project", "entry__workspace", "hold").get(pk=session.pk)
        if session.status != Session.Status.RUNNING:
            return
        todo, listener = self.open[session.entry.seq], self.listeners[session.pk]
        if session.stop_wanted_at:
            self._cut(session)
            return
        limit = self._limits.setdefault(session.pk, metering.left(session))
        price = todo.pop(0)
        self._usage += 1
        if not todo:
            listener._handle(Finished(True))
        listener._handle(Usage(str(self._usage), price))
        self._limits[session.pk] = limit - price
        if not todo:
            verdict = Verdict(passed=True, score=1.0, findings=[])
            done = ways.nothing_to_do(round=session.round_number)
            assert sessions.conclude(session, sessions.Ending(Session.Outcome.PASSED, verdict=verdict, done=done))
        elif self.kind != "codex" and self._limits[session.pk] <= 0:
            self._stopped_by_itself(session, price)
        elif listener.reason == "out_of_money":
            self._cut(session, price)

    def _stopped_by_itself(self, session: Session, price: int) -> None:
        """Continue or cut the session, as `conversation.run` does."""
        run: Any = SimpleNamespace(finished=Finished(False, out_of_money=True), cost_known=True)
        if session.pk not in self._contexts:
            config = configuration.load(Executor.objects.get(pk=self.workspace.pk).config)
            flags = SimpleNamespace(reason="")
            bench = SimpleNamespace(config=config, traits=agents.KINDS[self.kind].TRAITS)
            self._contexts[session.pk] = SimpleNamespace(session=session, bench=bench, stop_flags=flags, drawn_before=0)
        if self.kind == "claude_code" and conversation._may_continue(self._contexts[session.pk], run):
            self._limits[session.pk] = metering.left(session)
            self._pay_again(session, price)
        else:
            self._cut(session, price)

    def _cut(self, session: Session, price: int | None = None) -> None:
        self.cuts += 1
        self._pay_again(session, price)
        sessions.conclude(session, sessions.Ending(Session.Outcome.OUT_OF_MONEY, "out of money"))

    def _pay_again(self, session: Session, price: int | None) -> None:
        """Repeat its last request: the next process sends the conversation so far once more."""
        again = price if price is not None else self.open[session.entry.seq][0]
        self.open[session.entry.seq].insert(0, again)
        self.paid_again += again
