"""The entries that start now, and why the others wait. Pure: no database, no clock. `explain` shows the same checks (invariant 10)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from budget.amounts import exact_usd
from orchestration.backlog.files.paths import LockTable
from orchestration.backlog.rules.transitions import NO_MONEY_LEFT, too_little
from orchestration.configuration.config.routes import Routes
from orchestration.executor.agent_choice import Agents, Terms, Trouble, sentence, soon
from orchestration.executor.cycle_budget import Claim, CycleBudget
from orchestration.executor.limits import SpendLimit
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from orchestration.hosts import placing
from orchestration.hosts.placing import Host, Need


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry in the plan. Amounts in micro-USD."""

    id: str
    seq: int
    headroom: int  # left of its budget
    own_budget: bool = True  # set or locked by a person, else a share of the plan
    status: str = "pending"
    reason_code: str = ""
    reason_message: str = ""
    unmet_dependencies: int = 0
    rounds_completed: int = 0
    budget_rounds: int = 5
    paths: tuple[str, ...] = ()
    parallelizable: bool = True
    parallel_group: str = ""
    verify_only: bool = False
    has_rounds: bool = False
    attempts: int = 0
    priority: int = 2
    wait_s: float = 0  # the rest of its provider back-off
    parent: str = ""
    is_container: bool = False  # its children do its work
    host: str = ""  # with its newest work
    is_shared: bool = True  # other hosts can have its work
    host_name: str = ""
    requires: tuple[str, ...] = ()  # labels of its host
    asked: str = ""  # the run asked for its split
    question: str = ""  # its first open question
    awaited: int = 0  # reserved for its ended sessions: absent hosts, unknown answers
    awaits: str = ""  # for which, and until when, as a sentence
    agent: str = ""  # its name in the config; empty: the default
    effort: str = ""  # of its step
    step: int = 1
    steps: int = 1
    step_reason: str = ""  # the reason for the end of the step before
    candidates: int = 1  # parallel sessions of its next round
    least_request: int = 0  # the refused cost of its next request
    least_limit: str = ""  # the refusing limit: money, ceiling or role

    @property
    def least_money(self) -> int:
        """The least money for a session's next request."""
        return self.least_request if self.least_limit == "money" else 0

    @property
    def place(self) -> tuple[int, int, int]:
        """The sort key of the ready line."""
        return int(not self.has_rounds), self.priority, self.seq


@dataclass(frozen=True, slots=True)
class Running:
    """An entry with an open session. Amounts in micro-USD."""

    entry_id: str
    parallelizable: bool = True
    parallel_group: str = ""
    share_left: int = 0  # not reserved yet, of its share of the plan
    wants: int = 0  # the next increase: it runs low, or its request waits
    agent: str = ""  # its name in the config
    place: tuple[int, int, int] = (0, 0, 0)  # the entry's in the ready line
    may_return: int = 0  # the unspent part of its reservation


class ConfigLimit(NamedTuple):
    """A limit of a round, and its key in the config."""

    key: str
    amount: int


NO_JUDGE = ConfigLimit("verifier.round_usd", 0)


@dataclass(frozen=True, slots=True)
class CycleInput:
    """The input of a cycle. Amounts in micro-USD."""

    state: str
    max_workers: int
    worker_slots: int  # of hosts that accept sessions
    free_slots: int
    headroom: int  # of the project: cap - spent - held
    min_round: int
    round_ceiling: int
    plan_left: int | None = None  # the lesser of plan and cap, minus the spent part; None: the headroom
    held: int = 0  # reserved, also of plan_left
    awaited: int = 0  # of held, for ended sessions
    awaits: str = ""  # like an entry's
    unknown_after_h: int = 24  # of the config
    set_aside: int = 0  # left of people's own budgets
    usual_round: int = 0  # the usual cost of a round, if money is short
    steered: bool = False  # budgets are reallocated after each round
    busy_elsewhere: int = 0  # sessions of other workspaces in the slots
    away: int = 0  # sessions of this workspace on absent or draining hosts
    min_judge: int = 0  # the least money of a required judge
    judge_limit: ConfigLimit = NO_JUDGE
    limit_at_start: bool = False  # the agent gets its limit once, at its start
    caps: tuple[SpendLimit, ...] = ()
    running: tuple[Running, ...] = ()
    locks: tuple[tuple[str, str], ...] = ()
    passing_on: Mapping[str, frozenset[str]] = field(default_factory=dict)
    has_unproven: bool = False
    repository: str = ""  # its open breaker's code
    repository_message: str = ""
    integration: str = ""  # the reason against starts from the integration branch
    hosts: tuple[Host, ...] = ()  # with online session workers
    agents: Agents = field(default_factory=Agents)
    routes: Routes = field(default_factory=Routes)
    labels: frozenset[str] = frozenset()  # required of a session's host
    home: str = ""  # the host with the repository
    is_shared: bool = False  # another host had session workers within a day

    @property
    def are_several(self) -> bool:
        """True with several hosts for the work."""
        return self.is_shared or placing.are_shared(self.hosts, self.home)


@dataclass(frozen=True, slots=True)
class Check:
    """A condition for starting an entry, with a sentence for its failure."""

    code: str
    passed: bool
    observed: str
    needed: str
    message: str = ""
    holder: str = ""  # the entry in the way
    blocks: bool = False  # a failed entry leaves the line until the cause is removed
    common: bool = False  # equal for all entries


@dataclass(frozen=True, slots=True)
class Start:
    """Claim the entry's sessions."""

    entry: Waiting
    reservation: int  # of each session, in micro-USD
    hosts: tuple[str, ...] = ("",)  # of each session
    agent: str = ""  # its name in the config
    closed: tuple[tuple[str, Trouble], ...] = ()  # agents of its chain with an open breaker

    @property
    def instead(self) -> str:
        """The reason for another agent than the entry's own, or ""."""
        return next((trouble.message for name, trouble in self.closed if name == self.entry.agent), "")


@dataclass(frozen=True, slots=True)
class Park:
    """Take the entry out of the ready line until `behind` releases its paths."""

    entry: Waiting
    behind: str
    why: Check


@dataclass(frozen=True, slots=True)
class Block:
    """Take the entry out of the ready line until a person acts or its budget grows."""

    entry: Waiting
    why: Check


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave the entry in line."""

    entry: Waiting
    why: Check


Decision = Start | Park | Block | Wait
_OF_MONEY = (Reason.MONEY_RESERVED, Reason.PROJECT_BUDGET_EXCEEDED)


@dataclass(slots=True)
class Capacity:
    """The remaining slots, money and paths. Each start of the plan takes its share."""

    cycle_input: CycleInput
    free_slots: int = field(init=False)
    cycle_budget: CycleBudget = field(init=False)
    locks: LockTable = field(init=False)
    running: list[Running] = field(init=False)
    alone: list[Running] = field(init=False)
    hosts: list[Host] = field(init=False)
    draining_for: Waiting | None = field(default=None, init=False)
    kept_for: Waiting | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.free_slots = self.cycle_input.free_slots
        self.cycle_budget = _cycle_budget(self.cycle_input)
        self.locks = LockTable(self.cycle_input.locks)
        self.running = list(self.cycle_input.running)
        self.hosts = list(self.cycle_input.hosts)
        self.alone = [run for run in self.running if not run.parallelizable]

    @property
    def at_work(self) -> set[str]:
        """The names of the agents with sessions."""
        return {run.agent for run in self.running}

    def sessions(self, entry: Waiting) -> int:
        """The number of sessions of the entry's next start: its candidates, within all slots. One verification is enough."""
        if entry.verify_only or entry.candidates <= 1:
            return 1
        fitting = placing.fitting(self.hosts, need(entry, self))
        slots = sum(host.slots for host in fitting) if self.hosts else self.cycle_input.worker_slots
        return max(min(entry.candidates, self.cycle_input.max_workers, slots), 1)

    def take(self, entry: Waiting, total_reservation: int, agent: str) -> tuple[str, ...]:
        """Take the capacity of an entry's start. Returns the hosts of its sessions."""
        sessions = self.sessions(entry)
        self.free_slots -= sessions
        if not entry.verify_only:
            self.cycle_budget.take(_claim(entry, self), total_reservation)
        chosen, self.hosts = placing.choose_several(self.hosts, need(entry, self), sessions)
        self.running += [Running(entry.id, entry.parallelizable, entry.parallel_group, agent=agent)] * sessions
        if not entry.parallelizable:
            self.alone.append(self.running[-1])
        for path in entry.paths:
            self.locks.take(path, entry.id)
        return tuple(host.id for host in chosen) or ("",) * sessions


def plan(cycle_input: CycleInput, line: Sequence[Waiting]) -> list[Decision]:
    """Decide over the entries of the ready line, in order. Entries with money of their own or a share come first."""
    capacity = capacity_for(cycle_input, line)
    return [_decide(entry, capacity) for entry in in_turn(cycle_input, line)]


def in_turn(cycle_input: CycleInput, line: Sequence[Waiting]) -> list[Waiting]:
    """Order by shares: entries without money for a round come last."""
    return sorted(line, key=lambda entry: not has_money(cycle_input, entry))


def has_money(cycle_input: CycleInput, entry: Waiting) -> bool:
    return entry.own_budget or entry.verify_only or entry.headroom >= max(cycle_input.min_round, 1)


def capacity_for(cycle_input: CycleInput, line: Sequence[Waiting]) -> Capacity:
    """The initial capacity of a plan. Short money is shared by the startable entries."""
    capacity = Capacity(cycle_input)
    if is_short(cycle_input, line):
        plenty = 10**15
        probe = Capacity(replace(cycle_input, headroom=plenty, plan_left=plenty, set_aside=0, caps=()))
        starts = [_decide(entry, probe) for entry in in_turn(cycle_input, line)]
        capacity.cycle_budget.share_among(
            sum(len(start.hosts) for start in starts if isinstance(start, Start) and _shares_money(start.entry, capacity))
        )
    return capacity


def _shares_money(entry: Waiting, capacity: Capacity) -> bool:
    claim = _claim(entry, capacity)
    return not entry.verify_only and capacity.cycle_budget.left(claim) >= claim.least


def is_short(cycle_input: CycleInput, line: Sequence[Waiting]) -> bool:
    """True if there is too little money to fill every free slot with a round at its ceiling."""
    cycle_budget = _cycle_budget(cycle_input)
    paid = [entry for entry in line if entry.status == "pending" and not entry.verify_only][: cycle_input.free_slots]
    ceilings = [(entry, cycle_input.round_ceiling * max(entry.candidates, 1)) for entry in paid]
    most = sum(min(entry.headroom, ceiling) if entry.own_budget else ceiling for entry, ceiling in ceilings)
    return most > min([cycle_budget.cap, *(cycle_budget.spare for entry in paid if not entry.own_budget)])


def _cycle_budget(cycle_input: CycleInput) -> CycleBudget:
    cap = min([cycle_input.headroom, *(cap.left for cap in cycle_input.caps)])
    wants = sum(run.wants for run in cycle_input.running)
    shares = sum(max(run.share_left - run.wants, 0) for run in cycle_input.running)
    plan = (
        (cycle_input.headroom + cycle_input.held if cycle_input.plan_left is None else cycle_input.plan_left)
        - cycle_input.held
        - cycle_input.set_aside
    )
    return CycleBudget(
        cap=cap - wants,
        plan=plan - wants,
        spare=plan - wants - shares,
        reserved=cycle_input.held - cycle_input.awaited,
        awaited=cycle_input.awaited,
        awaits=cycle_input.awaits,
        at_work=wants + shares,
        set_aside=cycle_input.set_aside,
        usual=min(max(cycle_input.usual_round, cycle_input.min_round), cycle_input.round_ceiling),
        is_known=cycle_input.usual_round > 0,
        limit_at_start=cycle_input.limit_at_start,
        ceiling=cycle_input.round_ceiling,
        steered=cycle_input.steered,
    )


def _claim(entry: Waiting, capacity: Capacity) -> Claim:
    sessions = capacity.sessions(entry)
    is_begun = entry.attempts > entry.rounds_completed and sessions == 1
    return Claim(entry.headroom, not entry.own_budget, _needed(entry, capacity), is_begun, sessions)


def checks(entry: Waiting, capacity: Capacity) -> list[Check]:
    """All conditions, in the executor's order. The first failure is the entry's reason."""
    return list(_checks(entry, capacity))


def _checks(entry: Waiting, capacity: Capacity) -> Iterator[Check]:
    """Lazy: a cycle needs none behind the first failure."""
    if entry.is_container:
        yield _children(entry)
        return
    yield _status(entry)
    yield _dependencies(entry)
    yield _asked(entry)
    yield _question(entry)
    yield _rounds(entry)
    yield _entry_budget(entry, capacity)
    yield _executor(capacity)
    yield _worker(capacity)
    yield _host(entry, capacity)
    yield _repository(capacity)
    yield _provider(entry, capacity)
    yield _integration(capacity)
    yield _project_budget(entry, capacity)
    yield _files(entry, capacity)
    yield _parallel(entry, capacity)
    yield _slot(entry, capacity)
    yield _slot_of_host(entry, capacity)


def common(capacity: Capacity) -> list[Check]:
    """The checks common to all entries: at a failure no entry starts."""
    no_entry = Waiting(id="", seq=0, headroom=0)
    shared = [
        _executor(capacity),
        _worker(capacity),
        _repository(capacity),
        _provider(no_entry, capacity),
        _integration(capacity),
        _project_budget(no_entry, capacity),
        _slot(no_entry, capacity),
    ]
    return [check for check in shared if check.common or check.passed]


def reason(entry: Waiting, capacity: Capacity) -> Check | None:
    """The first failing check; None when the entry can start now."""
    return next((check for check in _checks(entry, capacity) if not check.passed), None)


def keep_money(entry: Waiting, why: Check, capacity: Capacity) -> None:
    """Keep the free money for the first entry in need of it, while returns of later sessions can complete it. Else it is passed over: an
    unaffordable request would stop all others."""
    if capacity.kept_for is not None or not entry.least_money or why.code not in _OF_MONEY:
        return
    claim = _claim(entry, capacity)
    behind = sum(run.may_return for run in capacity.running if run.place > entry.place and run.entry_id != entry.id)
    if max(capacity.cycle_budget.left(claim), 0) + behind >= claim.least > 0 and behind:
        capacity.kept_for = entry


def _decide(entry: Waiting, capacity: Capacity) -> Decision:
    why = reason(entry, capacity)
    if why is None:
        return take(entry, capacity)
    keep_money(entry, why, capacity)
    if why.code == Reason.FILES_LOCKED:
        return Park(entry, behind=why.holder, why=why)
    if why.blocks:
        return Block(entry, why)
    waits_for_several = not entry.parallelizable or (capacity.running and capacity.sessions(entry) > 1)
    if waits_for_several and why.code == Reason.CONCURRENCY_LIMIT and capacity.draining_for is None:
        capacity.draining_for = entry  # later entries wait: otherwise it would starve
    return Wait(entry, why)


def take(entry: Waiting, capacity: Capacity) -> Start:
    """Start an entry, with its part of the capacity."""
    cycle_input, agent = capacity.cycle_input, chosen(entry, capacity)
    closed = tuple(cycle_input.agents.why_none(entry.agent, capacity.at_work))
    claim = _claim(entry, capacity)
    # A judging session reserves its judge's refused amount: another start would take it before the judge begins.
    each = entry.least_money
    if not entry.verify_only:
        ceiling = max(ceiling_of(agent, cycle_input) * claim.sessions, claim.least)
        each = capacity.cycle_budget.first_reservation(claim, ceiling=ceiling) // claim.sessions
    return Start(entry, each, capacity.take(entry, each * claim.sessions, agent), agent, closed)


def ceiling_of(agent: str, cycle_input: CycleInput) -> int:
    """The highest initial reservation of this agent."""
    first = cycle_input.agents.of(agent).initial_reservation
    return cycle_input.round_ceiling if first is None else min(cycle_input.round_ceiling, max(first, cycle_input.min_round))


def open_agents(capacity: Capacity) -> frozenset[str]:
    """The agents with a closed or half-open breaker, by their names in entries."""
    names = capacity.cycle_input.agents.terms
    return frozenset(name for name in names if _provider(Waiting(id="", seq=0, headroom=0, agent=name), capacity).passed)


def _executor(capacity: Capacity) -> Check:
    state = capacity.cycle_input.state
    messages = {"stopped": "The executor was never started: press Start", "paused": "The executor is paused"}
    return Check(reasons.executor(state), state == "running", state, "running", messages.get(state, ""), common=True)


def _worker(capacity: Capacity) -> Check:
    """Check for slots. `_host` has the reason of idle online hosts."""
    hosts = capacity.cycle_input.hosts
    slots = max(capacity.cycle_input.worker_slots, sum(host.slots for host in hosts))
    idle = next((f"{host.name}: {host.problem}" for host in hosts if host.problem), "")
    message = idle or "No session worker is online: start one with ./muster worker"
    return Check(Reason.NO_WORKER_ONLINE, slots > 0, f"{slots} slots", "1 slot", message, common=True)


def chosen(entry: Waiting, capacity: Capacity) -> str:
    """The agent of the next session, or the entry's own if none may start: `_provider` has the reason."""
    if entry.verify_only:
        return entry.agent
    open_one = capacity.cycle_input.agents.choose(entry.agent, capacity.at_work)
    return entry.agent if open_one is None else open_one


def kinds(terms: Terms, cycle_input: CycleInput) -> frozenset[str]:
    """The agent kinds required of a host. With one host the session itself detects a missing one."""
    return terms.kinds if len(cycle_input.hosts) > 1 else placing.ANY


def need(entry: Waiting, capacity: Capacity) -> Need:
    """The requirements of the entry's next session on its host."""
    cycle_input = capacity.cycle_input
    agents = placing.ANY if entry.verify_only else kinds(cycle_input.agents.of(chosen(entry, capacity)), cycle_input)
    return Need(agents, cycle_input.labels.union(entry.requires), entry.host, entry.is_shared, entry.host_name)


def _host(entry: Waiting, capacity: Capacity) -> Check:
    """Check for a fitting host."""
    hosts, needs = capacity.hosts, need(entry, capacity)
    listed = ", ".join(sorted(needs.agents | needs.labels)) or "a host"
    if not hosts:
        return Check(Reason.NO_HOST_FITS, True, "no host is online", listed)
    fitting = placing.fitting(hosts, needs)
    message = "" if fitting else placing.why_none(hosts, needs)
    return Check(Reason.NO_HOST_FITS, bool(fitting), f"{len(fitting)} of {len(hosts)} hosts fit", listed, message)


def _repository(capacity: Capacity) -> Check:
    cycle_input = capacity.cycle_input
    message = f"{cycle_input.repository_message} Work goes on by itself then."
    observed = cycle_input.repository or "usable"
    return Check(Reason.REPOSITORY_UNAVAILABLE, not cycle_input.repository, observed, "usable", message, common=True)


def _provider(entry: Waiting, capacity: Capacity) -> Check:
    """Check the provider: the entry's back-off is over, and a breaker is closed or half-open."""
    cycle_input = capacity.cycle_input
    if entry.verify_only:
        return Check(Reason.AGENT_UNAVAILABLE, True, "no agent is needed", "nothing")
    if entry.wait_s > 0:
        message = f"Its agent's provider was unavailable: tried again in {soon(entry.wait_s)}"
        return Check(Reason.AGENT_UNAVAILABLE, False, f"{entry.wait_s:.0f} s to wait", "none", message)
    agents, at_work = cycle_input.agents, capacity.at_work
    if entry.agent not in agents.terms:
        message = f"The config has no agent {entry.agent}: choose another for the entry, or add it"
        return Check(Reason.AGENT_UNAVAILABLE, False, f"no agent {entry.agent}", "an agent of the config", message)
    if doubted := agents.of(chosen(entry, capacity)).doubted:
        return Check(
            Reason.AGENT_UNAVAILABLE, False, "its spend is doubted", "nothing in doubt", doubted, common=len(agents.terms) == 1
        )
    if agents.choose(entry.agent, at_work) is not None:
        return Check(Reason.AGENT_UNAVAILABLE, True, "no trouble known", "none")
    closed = agents.why_none(entry.agent, at_work)
    observed = ", ".join(
        dict.fromkeys(trouble.code if trouble.wait_s > 0 else f"{trouble.code}, to be tried" for _, trouble in closed)
    )
    needed = "none" if any(trouble.wait_s > 0 for _, trouble in closed) else "no session trying"
    message = sentence(closed, among_several=len(agents.terms) > 1)
    return Check(Reason.AGENT_UNAVAILABLE, False, observed, needed, message, common=not agents.is_any_open(at_work))


def _integration(capacity: Capacity) -> Check:
    message = capacity.cycle_input.integration
    observed = "not good" if message else "good, or not judged yet"
    return Check(Reason.INTEGRATION_RED, not message, observed, "good", message, common=True)


def _status(entry: Waiting) -> Check:
    free = entry.status == "pending" and entry.reason_code not in reasons.OUT_OF_LINE
    return Check(entry.reason_code or Reason.PENDING, free, entry.status, "pending", entry.reason_message)


def _dependencies(entry: Waiting) -> Check:
    unmet = entry.unmet_dependencies
    message = f"Waiting for {unmet} {'entry' if unmet == 1 else 'entries'} that it depends on"
    return Check(Reason.DEPENDENCIES_PENDING, unmet == 0, f"{unmet} not done", "all done", message)


def _children(entry: Waiting) -> Check:
    """A split entry has no other check: its children have them."""
    return Check(Reason.CHILDREN_UNFINISHED, False, entry.status, "all children done", entry.reason_message)


def _asked(entry: Waiting) -> Check:
    """An entry waits for its split proposal: a session would outdate it, and waste its money."""
    message = f"An agent is asked how to split it ({entry.asked}): it starts when that run has ended"
    return Check(Reason.SPLIT_ASKED, not entry.asked, f"{entry.asked or 'no run'} at work", "no run at work", message)


def _question(entry: Waiting) -> Check:
    """An entry waits for an answer: a session without it would ask again."""
    observed = "a question" if entry.question else "no question"
    message = f"Its agent asks: {entry.question}"[:500]
    return Check(Reason.WAITING_FOR_ANSWER, not entry.question, observed, "an answer", message)


def _rounds(entry: Waiting) -> Check:
    left = entry.budget_rounds - entry.rounds_completed
    subject = "Its one round is" if entry.budget_rounds == 1 else f"All {entry.budget_rounds} rounds are"
    message = f"{subject} used up: raise its rounds to continue"
    return Check(
        Reason.ROUNDS_EXHAUSTED,
        left > 0,
        f"{entry.rounds_completed} rounds made",
        f"fewer than {entry.budget_rounds}",
        message,
        blocks=True,
    )


def _needed(entry: Waiting, capacity: Capacity) -> int:
    """The money of a start. Verify commands are free. Judges and known next requests need theirs: without it sessions would end at once, again and again. All
    candidates have their money, or none starts."""
    if entry.verify_only:
        return max(capacity.cycle_input.min_judge, entry.least_money)
    return max(capacity.cycle_input.min_round, entry.least_money, 1) * capacity.sessions(entry)


def _entry_budget(entry: Waiting, capacity: Capacity) -> Check:
    """Check the entry's own budget, or else the plan. Reserved money counts as unspent."""
    if (beyond := _past_ceiling(entry, capacity)) is not None:
        return beyond
    needed, left = _needed(entry, capacity), entry.headroom
    code, message = Reason.BUDGET_EXCEEDED, ""
    if entry.own_budget:
        sessions = capacity.sessions(entry)
        message = too_little(left, needed, sessions=sessions, is_of_request=entry.least_money * sessions >= needed)
        if left < needed <= left + entry.awaited:
            waits = f"Waiting for {exact_usd(entry.awaited)} of its budget, reserved for {entry.awaits}"
            return Check(Reason.MONEY_RESERVED, False, f"{exact_usd(left)} left", f"at least {exact_usd(needed)}", waits)
    else:
        cycle_input = capacity.cycle_input
        needed = _needed(replace(entry, least_request=0), capacity)  # for more than that it waits
        left = cycle_input.headroom + cycle_input.held if cycle_input.plan_left is None else cycle_input.plan_left
        code, message = Reason.PROJECT_BUDGET_EXCEEDED, NO_MONEY_LEFT
    return Check(code, left >= needed, f"{exact_usd(left)} left", f"at least {exact_usd(needed)}", message, blocks=True)


def _past_ceiling(entry: Waiting, capacity: Capacity) -> Check | None:
    """Check the limits of a round: money cannot raise them. A session with a first request beyond one would end at once, again and again."""
    cycle_input, request = capacity.cycle_input, entry.least_request
    is_of_role = entry.least_limit == "role"
    own = ConfigLimit("round_ceiling_usd", cycle_input.round_ceiling)
    limit = cycle_input.judge_limit if is_of_role else own
    if request <= limit.amount or entry.verify_only != is_of_role:
        return None
    message = f"Its next request may cost {exact_usd(request)}, {limit.key} is {exact_usd(limit.amount)}: raise it in the config"
    return Check(
        Reason.BUDGET_EXCEEDED, False, f"{exact_usd(limit.amount)} for a round", f"at least {exact_usd(request)}", message
    )


def _project_budget(entry: Waiting, capacity: Capacity) -> Check:
    cycle_budget, claim = capacity.cycle_budget, _claim(entry, capacity)
    needed = claim.least if entry.verify_only else cycle_budget.needed(claim)
    left = cycle_budget.left(claim) if claim.is_share else cycle_budget.cap
    observed, least = f"{exact_usd(left)} left", f"at least {exact_usd(needed)}"
    first = capacity.kept_for
    if first is not None and first.id != entry.id and needed:
        message = f"What is free is kept for the next request of #{first.seq}, which is before it in line"
        return Check(Reason.MONEY_RESERVED, False, observed, least, message, first.id)
    is_enough = not needed or left >= needed
    code, message = Reason.PROJECT_BUDGET_EXCEEDED, ""
    if not is_enough and (waits := cycle_budget.sentence(left, claim, needed)):
        code, message = Reason.MONEY_RESERVED, _of_request(entry, left, needed, waits)
    elif not is_enough:
        message = _cap_reached(entry, capacity, left, needed)
    return Check(code, is_enough, observed, least, message, common=not claim.is_share and not entry.least_money)


def _of_request(entry: Waiting, left: int, needed: int, waits: str) -> str:
    """The sentence about money for the next request."""
    if entry.least_money < needed:
        return waits
    return f"Its next request may cost {exact_usd(needed)}, {exact_usd(max(left, 0))} is free: {waits[0].lower()}{waits[1:]}"


def _cap_reached(entry: Waiting, capacity: Capacity, left: int, needed: int) -> str:
    cycle_input = capacity.cycle_input
    tightest = min(cycle_input.caps, key=lambda cap: cap.left, default=None)
    is_limit = tightest is not None and tightest.left < cycle_input.headroom
    if 0 < entry.least_money >= needed:
        limit = f"under t{tightest.name}: {tightest.remedy}" if tightest and is_limit else "under the project cap: raise it"
        return f"Its next request may cost {exact_usd(needed)}, {exact_usd(max(left, 0))} is free {limit}. What needs less goes first"
    if tightest is not None and is_limit:
        return tightest.sentence(needed)
    return f"{exact_usd(max(left, 0))} is left under the project cap, a round needs {exact_usd(needed)}: raise the cap"


def recoverable_money(cycle_input: CycleInput) -> int:
    """The micro-USD for a start if all reservations were released."""
    return min([cycle_input.headroom, *(cap.left for cap in cycle_input.caps)]) + cycle_input.held


def _files(entry: Waiting, capacity: Capacity) -> Check:
    for path in entry.paths:
        if blocker := capacity.locks.blocker(path, entry.id, capacity.cycle_input.passing_on.get(entry.id, ())):
            locked, holder = blocker
            return Check(
                Reason.FILES_LOCKED,
                False,
                f"{locked} held by {holder}",
                "free",
                f"Waiting for {locked}, locked by {holder}",
                holder,
            )
    return Check(Reason.FILES_LOCKED, True, "1 path free" if len(entry.paths) == 1 else f"{len(entry.paths)} paths free", "free")


def _parallel(entry: Waiting, capacity: Capacity) -> Check:
    needed = "no other session" if not entry.parallelizable else "no exclusive session"
    ahead = capacity.draining_for
    if ahead is not None and ahead.id != entry.id and _exclude(ahead, entry):
        message = f"Entry #{ahead.seq} runs alone and is next"
        return Check(Reason.CONCURRENCY_LIMIT, False, "an exclusive entry is next", needed, message, ahead.id)
    suspects = capacity.running if not entry.parallelizable else capacity.alone
    other = next((run for run in suspects if run.entry_id != entry.id and _exclude(run, entry)), None)
    if other is None:
        return Check(Reason.CONCURRENCY_LIMIT, True, "nothing in the way", needed)
    message = f"May not run in parallel with {other.entry_id}, which is running"
    return Check(Reason.CONCURRENCY_LIMIT, False, f"{other.entry_id} is running", needed, message, other.entry_id)


def _exclude(first: Waiting | Running, other: Waiting | Running) -> bool:
    """True if the two may not run together. An entry with `parallelizable: false` runs alone in its workspace, or in its parallel_group."""
    for alone, neighbour in ((first, other), (other, first)):
        if not alone.parallelizable and (not alone.parallel_group or alone.parallel_group == neighbour.parallel_group):
            return True
    return False


def _slot(entry: Waiting, capacity: Capacity) -> Check:
    """Check max_workers and the slots for all candidates. The observed number is of the reached limit."""
    cycle_input, own, needed = capacity.cycle_input, len(capacity.running), capacity.sessions(entry)
    used, message = f"{own} of {cycle_input.max_workers} workers busy", "All workers are busy"
    here = own - cycle_input.away
    taken = here + cycle_input.busy_elsewhere
    if own < cycle_input.max_workers and not cycle_input.worker_slots:
        used, message = "no session worker offers a slot", "No session worker offers a slot now"
    elif own < cycle_input.max_workers and taken >= cycle_input.worker_slots:
        used = f"{taken} of {cycle_input.worker_slots} slots of worker processes taken"
        message = f"No slot of a worker process is free: {here} taken by this workspace, {cycle_input.busy_elsewhere} by others"
    elif own < cycle_input.max_workers and capacity.free_slots <= 0:
        message = "Entries ahead of it take the free workers"
    ahead, least = capacity.draining_for, "a free worker" if needed == 1 else f"{needed} free workers"
    if capacity.free_slots > 0 and needed > capacity.free_slots:
        message = f"Its {needed} candidates start at once: {capacity.free_slots} of {needed} workers are free"
    elif ahead is not None and ahead.id != entry.id and capacity.sessions(ahead) > 1:
        message = f"Entry #{ahead.seq}, whose {capacity.sessions(ahead)} candidates start at once, is next"
        return Check(Reason.CONCURRENCY_LIMIT, False, used, least, message, ahead.id)
    is_common = capacity.free_slots <= 0
    return Check(Reason.CONCURRENCY_LIMIT, capacity.free_slots >= needed, used, least, message, common=is_common)


def _slot_of_host(entry: Waiting, capacity: Capacity) -> Check:
    hosts = capacity.hosts
    if not hosts or placing.choose_several(hosts, need(entry, capacity), capacity.sessions(entry))[0]:
        return Check(Reason.CONCURRENCY_LIMIT, True, "a slot is free", "a free slot on a host that fits")
    fitting = placing.fitting(hosts, need(entry, capacity))
    if not fitting:  # another check has the reason
        return Check(Reason.CONCURRENCY_LIMIT, True, "no host fits", "a free slot on a host that fits")
    names = ", ".join(host.name for host in fitting)
    return Check(
        Reason.CONCURRENCY_LIMIT,
        False,
        "none is free",
        "a free slot on a host that fits",
        f"No slot is free on {names}, where it fits",
    )


def codes(decisions: Iterable[Decision]) -> list[str]:
    """The distinct reason codes of waiting entries, in order of appearance."""
    return list(dict.fromkeys(d.why.code for d in decisions if not isinstance(d, Start)))
