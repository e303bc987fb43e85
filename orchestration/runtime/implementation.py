"""The implementing half of a round: the agent in the entry's worktree, metered while it runs."""

import time
from dataclasses import dataclass

from django.conf import settings

from budget.models import Hold
from orchestration import logs, metering, sessions
from orchestration.configuration import Config
from orchestration.models import Session
from orchestration.runtime import agents, following, place, reaping
from orchestration.runtime.agents.events import Finished, Text, Usage
from orchestration.runtime.following import Job
from orchestration.runtime.processes import Ended
from orchestration.runtime.watch import Watch
from workspaces import tokens
from workspaces.models import Role

# An agent that has used its hold up to the last micro-dollar may be done: it gets this long to say so before it is stopped.
LAST_WORD_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """How the agent ended. `reason`: why it was made to end, empty when it ended by itself. `cost_known`: all that it told was seen."""

    ended: Ended
    reason: str
    ok: bool
    summary: str
    cost_known: bool


class _Meter:
    """Books what the agent reports, and says when its hold is used up."""

    def __init__(self, session: Session, watch: Watch, module: object) -> None:
        self._session = session
        self._watch = watch
        self._module = module
        self._unbooked: list[Usage] = []
        self._used_up_at: float | None = None
        self.finished: Finished | None = None
        self.reason = ""

    def hear(self, line: str) -> None:
        match self._module.read(line):  # type: ignore[attr-defined]
            case Usage() as usage:
                self._unbooked.append(usage)
                self.book()
            case Text(text=text):
                following.patiently(lambda: sessions.write(self._session, progress=text[:500]))
            case Finished() as finished:
                self.finished = finished

    def book(self) -> bool:
        """Book what is not booked yet: a database that was away for a moment loses nothing. False: something is left."""
        while self._unbooked:
            if not following.patiently(lambda: metering.record(self._session, self._unbooked[0])):
                return False
            self._unbooked.pop(0)
            if self._session.hold_id:
                amount, drawn = Hold.objects.values_list("amount", "drawn").get(pk=self._session.hold_id)
                self._watch.left = amount - drawn
            self.look()
        return True

    def look(self) -> None:
        """Stop the agent once its hold is passed, or used up and not done soon."""
        left = self._watch.left
        if left is None or left > 0 or self.reason or self._session.hold_id is None:
            return
        self._used_up_at = self._used_up_at or time.monotonic()
        if left < 0 or (self.finished is None and time.monotonic() - self._used_up_at > LAST_WORD_S):
            self.reason = "out_of_money"
            self._watch.stop_process()

    def tick(self) -> None:
        if self._unbooked:
            self.book()
        self.look()


def implement(session: Session, watch: Watch, writer: logs.Writer, config: Config, here: place.Place, *, cwd: str) -> Outcome:
    """Run the agent of the workspace's config until it ends or is made to."""
    module = agents.of(config.agent.kind)
    hold = session.hold.amount if session.hold else 0
    token = tokens.create(
        f"session {session.pk}", role=Role.VIEWER, workspace=session.workspace, session_ref=session.pk, by="muster"
    )
    env = place.environment(session, here, phase="implementation", extra=config.agent.env, token=token, hold=hold)
    meter = _Meter(session, watch, module)
    job = Job(module.argv(config.agent), cwd, env, config.agent.timeout_s, config.agent.idle_timeout_s)
    ended = following.follow(session, here, job, watch, writer, on_line=meter.hear, on_look=meter.tick)
    booked = _settle_bookings(meter)
    session.refresh_from_db(fields=["unpriced_model"])
    finished = meter.finished
    return Outcome(
        ended=ended,
        reason=watch.reason or meter.reason,
        ok=ended.cause == "exited" and ended.exit_code == 0 and (finished is None or finished.ok),
        summary=finished.summary if finished else "",
        cost_known=booked and ended.complete and not ended.dropped_bytes and not session.unpriced_model,
    )


def _settle_bookings(meter: _Meter) -> bool:
    """Give a database that is away as long as the lease allows to take the last usage lines."""
    until = time.monotonic() + settings.LEASE_S / 2
    while not meter.book():
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


def book_journal(session: Session, here: place.Place, config: Config) -> bool:
    """After a worker died: book the usage lines that its agent wrote and nobody read. True: all that the agent told is booked."""
    status = reaping.read_status(here.status)
    module = agents.of(config.agent.kind)
    for line in reaping.read_journal(here.journal):
        event = module.read(line)
        if isinstance(event, Usage):
            metering.record(session, event)
    session.refresh_from_db(fields=["unpriced_model"])
    return status is not None and not session.unpriced_model
