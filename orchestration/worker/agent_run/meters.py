"""Two meters of one process of an agent: by its requests in the gateway, or by its reports. Each ends it at its limits."""

import time
from functools import partial
from typing import ClassVar

from budget import ledger
from budget.ledger import requests
from budget.models import Category
from orchestration import sessions
from orchestration.configuration import circuit_breaker
from orchestration.configuration.provider_trouble import reviewer
from orchestration.models import Session
from orchestration.sessions import metering, preemption, reservations, supervise
from orchestration.sessions.reservations import Growth
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agent_run.own_report import OwnReport
from orchestration.worker.agents.shared.events import Failure, Finished, Usage
from orchestration.worker.agents.shared.interface import Task

# Grace at an exactly used-up reservation: the agent may be done, and about to report it.
FINISH_S = 0.5
# The wait for the money of preempted sessions.
MAKE_ROOM_S = 5.0
# Grace after its report of the end. Then it is stopped at its limit like any other.
LEAVE_S = 5.0
HELD_UP = {requests.FOR_PROVIDER: "it takes no more requests of this key now"}
"""Words for a session with a request waiting for its provider. One waiting for money is on the session's page."""
# The polling interval for an agent behind the gateway.
GATEWAY_S = 1.5
# The back-off of a refused growth, and the interval once the reservation is used up.
FIRST_RETRY_S = 2.0
MAX_RETRY_S = 30.0
USED_UP_RETRY_S = 0.2


class Running:
    """A running process of an agent, with the reason of its stop, or ""."""

    def __init__(self, session: Session, stop_flags: StopFlags, task: Task) -> None:
        self.session = session
        self.stop_flags = stop_flags
        self.task = task
        self.finished: Finished | None = None
        self.failure: Failure | None = None
        self.reason = ""
        self.waiting_since: float | None = None
        self._finished_at: float | None = None

    def stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.stop_flags.stop_process()

    def fail(self, failure: Failure) -> None:
        """The first failure is the cause."""
        self.failure = self.failure or failure
        self.stop("failed")

    def is_leaving(self) -> bool:
        """True if it has finished, and its process is about to end."""
        if self.finished is None or not self.finished.ok:
            return False
        self._finished_at = self._finished_at or time.monotonic()
        return time.monotonic() - self._finished_at < LEAVE_S


class Meter:
    """A meter of one process."""

    by_gateway: ClassVar[bool]  # the gateway counts all requests, whatever the reports
    held_up = ""  # the reason of a waiting request in the gateway

    def __init__(self, agent: Running) -> None:
        self._agent = agent
        self._unbooked: list[Usage] = []
        self._reserved = (0, 0)  # the reservation's amount, and its drawn part
        self._provider_confirmed = False

    def check(self) -> None:
        """Stop the agent if it must end."""
        raise NotImplementedError

    def lacked_money(self) -> bool:
        """True if the gateway refused one of its requests for money."""
        return False

    def difference(self) -> str:
        """The sentence about unbooked reports, or ""."""
        return ""

    def _record(self, usage: Usage) -> None:
        raise NotImplementedError

    def add(self, usage: Usage) -> None:
        self._unbooked.append(usage)

    def book(self) -> bool:
        """Book pending usage; it stays pending while the database is down. False: some usage is not booked yet."""
        session = self._agent.session
        while self._unbooked:
            if not supervise.try_database(partial(self._record, self._unbooked[0])):
                return False
            self._unbooked.pop(0)
            if not self._provider_confirmed:
                responded = partial(circuit_breaker.provider_responded, session, reviewer(self._agent.task.role))
                self._provider_confirmed = supervise.try_database(responded)
            if session.hold_id:
                self._read_reservation()
            self._check_booked()
        return True

    def _check_booked(self) -> None:
        """Check the money after each booking."""

    def _read_reservation(self) -> None:
        hold_id = self._agent.session.hold_id
        assert hold_id is not None
        self._reserved = ledger.drawn(hold_id)
        self._agent.stop_flags.money_left = self._reserved[0] - self._reserved[1]


class GatewayMeter(Meter):
    """The gateway has booked its requests: its reports are only compared."""

    by_gateway = True

    def __init__(self, agent: Running, access: str) -> None:
        super().__init__(agent)
        self._access = access
        self._own_report = OwnReport()
        self._asked_at = time.monotonic()

    def check(self) -> None:
        """End an agent without money in the gateway: some programs would repeat the request for minutes."""
        if not self._agent.reason and time.monotonic() - self._asked_at > GATEWAY_S and not self._agent.is_leaving():
            self._asked_at = time.monotonic()
            supervise.try_database(self._look)

    def lacked_money(self) -> bool:
        return requests.lacked_money(self._access)

    def difference(self) -> str:
        return self._own_report.differs(self._agent.task.agent.kind, self._access)

    def _record(self, usage: Usage) -> None:
        self._own_report.add(usage)

    def _look(self) -> None:
        agent, standing = self._agent, requests.standing(self._access)
        if standing == requests.UNPAID:
            agent.stop("out_of_money")
        elif standing == requests.BROKEN:
            agent.fail(Failure("overloaded", "It broke off two answers in a minute, which are paid"))
        elif standing != self.held_up:
            self.held_up = standing
            if agent.waiting_since is None:
                sessions.wait(agent.session, HELD_UP.get(standing, ""), None)
        if standing in (requests.FOR_PROVIDER, requests.REFUSED):
            self._leave_provider()

    def _leave_provider(self) -> None:
        """End an agent with an open breaker in the gateway: some programs would repeat the request again and again."""
        if row := circuit_breaker.gateway_breaker(self._agent.session, reviewer(self._agent.task.role)):
            self._agent.fail(Failure(row.code, row.message, row.until.timestamp() if row.until else None))


class ReportMeter(Meter):
    """The meter by reports. It books them, grows the reservation, and stops the agent at its end."""

    by_gateway = False

    def __init__(self, agent: Running, category: Category, growth: Growth | None) -> None:
        super().__init__(agent)
        self._category = category
        self._growth = growth
        self._growth_tried_at = 0.0
        self._growth_retry_s = 0.0
        self._used_up_at: float | None = None
        self._room_until = 0.0
        self._spent = 0

    def check(self) -> None:
        """Stop the agent beyond its reservation or its role's limit, or at one without a result soon after. A finished agent spends no more: its last request may have
        used up the money."""
        agent, flags = self._agent, self._agent.stop_flags
        if agent.reason or agent.session.hold_id is None or flags.money_left is None or agent.is_leaving():
            return
        self._grow()
        of_role = flags.money_left if agent.task.role == "implement" else agent.task.limit - self._spent
        left = min(flags.money_left, of_role)
        if left > 0:
            return
        self._used_up_at = self._used_up_at or time.monotonic()
        waits_until = max(self._used_up_at + FINISH_S, self._room_until)
        if left < 0 or (agent.finished is None and time.monotonic() > waits_until):
            agent.stop("out_of_money")

    _check_booked = check

    def _record(self, usage: Usage) -> None:
        """Record usage, without that of the conversation's earlier sessions."""
        if metering.record(self._agent.session, usage, self._category, role=self._agent.task.record):
            self._spent += usage.cost if usage.cost is not None else metering.price(usage) or 0
            self._growth_retry_s = 0.0  # it may need more now

    def _grow(self) -> None:
        """Extend the reservation before its end. Retry a refused growth: others may return money."""
        growth, left = self._growth, self._agent.stop_flags.money_left
        if growth is None or left is None or self._reserved[0] >= growth.ceiling:
            return
        if not growth.is_low(amount=self._reserved[0], drawn=self._reserved[1]) and not self._agent.session.unpriced_model:
            return
        retry_s = self._growth_retry_s if left > 0 else min(self._growth_retry_s, USED_UP_RETRY_S)
        if time.monotonic() - self._growth_tried_at > retry_s:
            self._growth_tried_at = time.monotonic()
            self._growth_retry_s = min(max(self._growth_retry_s * 2, FIRST_RETRY_S), MAX_RETRY_S)
            supervise.try_database(lambda: self._extend(growth))

    def _extend(self, growth: Growth) -> None:
        session = self._agent.session
        self._growth = growth = reservations.with_usual(growth, session.workspace_id)
        self._read_reservation()
        amount, drawn = self._reserved
        increase = growth.next_step(amount=amount, drawn=drawn)
        if session.unpriced_model:  # charged its whole reservation, which must cover the possible spend
            increase = growth.ceiling - amount
        if increase <= 0:
            return
        if reservations.extend(session, increase):
            self._read_reservation()
            self._growth_retry_s = 0.0
        elif self._is_urgent(growth) and preemption.make_room(session):
            self._growth_retry_s = USED_UP_RETRY_S
            self._room_until = time.monotonic() + MAKE_ROOM_S

    def _is_urgent(self, growth: Growth) -> bool:
        """True if a later session may have to end for it. Not for a process with a fixed limit: it stops by itself. Nor for one that may just have finished."""
        amount, drawn = self._reserved
        if growth.is_fixed or not growth.is_urgent(amount=amount, drawn=drawn):
            return False
        return drawn < amount or (self._used_up_at is not None and time.monotonic() - self._used_up_at > FINISH_S)
