"""The input of a cycle: the workspace's state, and as much of the ready line as the free slots need, in its order. Four statements, whatever the backlog's size."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from budget import amounts, limits
from budget.allocation import reallocation
from budget.models import GatewayRequest
from orchestration import configuration, funding
from orchestration.backlog import unproven
from orchestration.backlog.files import locks
from orchestration.configuration import entry_routes, gateway_use, model_access, windows
from orchestration.configuration.config.routes import Routes
from orchestration.configuration.provider_trouble import ALL_MODELS, ModelAccess
from orchestration.executor import plan, ready_line
from orchestration.executor.agent_choice import Agents, Terms, Trouble
from orchestration.executor.limits import SpendLimit
from orchestration.executor.plan import ConfigLimit, CycleInput, Running, Waiting
from orchestration.facts.reasons import OUT_OF_LINE, Reason
from orchestration.hosts import online
from orchestration.hosts.placing import Host
from orchestration.models import Credential, sql_dialect
from orchestration.repositories import local_repository
from orchestration.sessions import reservations, review_money
from workspaces import times

# Read beyond the free slots, because some entries in line may have to be parked or blocked.
MARGIN = 8

# Runs about an entry `{e}` that are at work or about to be.
_ASKED = """FROM orchestration_run about JOIN orchestration_session asked ON asked.id = about.session_id
    WHERE about.subject_id = {e}.id AND asked.status IN ('claimed', 'running')"""

_OUT_OF_LINE = ", ".join(f"'{reason.value}'" for reason in OUT_OF_LINE)
# Questions of the agent of an entry `{e}` that nobody has answered.
_UNANSWERED = "FROM orchestration_question unanswered WHERE unanswered.entry_id = {e}.id AND unanswered.answered_at IS NULL"

# Open sessions of an entry `{e}`: of candidates that were not chosen, and have not ended yet.
_AT_WORK = "FROM orchestration_session open WHERE open.entry_id = {e}.id AND open.status IN ('claimed', 'running')"

# Reservations for ended sessions, on hosts that are away or with answers that are not known, of an entry's account `a`, or of a project `p`.
_AWAITED = "FROM budget_hold w WHERE w.state = 'awaiting' AND {whose}"
# Of an entry `{e}` with a budget of its own: it has no money for a round before it is known what these spent.
_AWAITS_MONEY = """FROM budget_hold w JOIN budget_account b ON b.id = w.account_id
    WHERE w.account_id = {e}.account_id AND w.state = 'awaiting' AND (b.own_budget OR b.human_locked)
    AND b.budget - b.spent - b.held < {least} AND {e}.next_work <> 'verify'"""

# The fields of `Waiting`, from an entry `e` and its account `a`.
_WAITING = {
    "id": "e.id",
    "seq": "e.seq",
    "headroom": "a.budget - a.spent - a.held",
    "status": "e.status",
    "reason_code": "e.reason_code",
    "reason_message": "e.reason_message",
    "unmet_dependencies": "e.unmet_dependencies",
    "rounds_completed": "e.rounds_completed",
    "budget_rounds": "e.budget_rounds",
    "paths": "e.paths",
    "taken_paths": "e.taken_paths",
    "parallelizable": "e.parallelizable",
    "parallel_group": "e.parallel_group",
    "verify_only": "e.next_work = 'verify'",
    "has_rounds": "e.has_rounds",
    "attempts": "e.attempts",
    "priority": "e.priority",
    "own_budget": "(a.own_budget OR a.human_locked)",
    "least_request": "e.least_request",
    "least_limit": "e.least_limit",
    "parent": "coalesce(e.parent_id, '')",
    "is_container": "e.is_container",
    "host": "e.host_id",
    "is_shared": "e.is_shared",
    "host_name": """coalesce(CASE WHEN e.is_shared THEN '' ELSE (SELECT ran.host FROM orchestration_session ran
        WHERE ran.entry_id = e.id AND ran.host <> '' ORDER BY ran.attempt DESC LIMIT 1) END, '')""",
    "requires": "e.requires",
    "agent": "e.next_agent",
    "effort": "e.next_effort",
    "asks": "e.agent",
    "route": "e.route",
    "group_name": 'e."group"',
    "step": "e.step",
    "step_reason": "e.step_reason",
    "candidates": "e.next_candidates",
    "asked": f"coalesce((SELECT min(asked.id) {_ASKED.format(e='e')}), '')",
    "question": f"coalesce((SELECT substr(unanswered.text, 1, 400) {_UNANSWERED.format(e='e')} ORDER BY unanswered.id LIMIT 1), '')",
}


def _columns() -> str:
    awaited = f"(SELECT {_awaited_rows()} {_AWAITED.format(whose='w.account_id = a.id')})"
    return sql_dialect.picked({**_WAITING, "wait_s": sql_dialect.seconds_until("e.not_before"), "awaited": awaited})


def _awaited_rows() -> str:
    return sql_dialect.json_rows(
        {
            "host": "w.awaits_host",
            "until": sql_dialect.epoch("w.awaits_until"),
            "since": sql_dialect.epoch("w.unknown_since"),
            "amount": "w.amount",
            "drawn": "w.drawn",
        }
    )


def _awaited(rows: list[dict[str, Any]], unknown_after_h: int) -> dict[str, Any]:
    """The fields `awaited` and `awaits`."""
    unknown = [row["since"] for row in rows if row["since"] is not None]
    away = [row for row in rows if row["since"] is None]
    parts = []
    if away:
        hosts = sorted({row["host"] for row in away})
        verb, clause = ("is", "it says") if len(hosts) == 1 else ("are", "they say")
        until = _stamp(max(row["until"] for row in away))
        parts.append(f"{', '.join(hosts)}, which {verb} away: until {clause} what was spent there, or until {until}")
    if unknown:
        until = _stamp(max(unknown) + 3600 * unknown_after_h)
        parts.append(f"requests whose answer is not known: until a person settles them, or until {until}")
    return {"awaited": sum(max(row["amount"] - row["drawn"], 0) for row in rows), "awaits": "; and for ".join(parts)}


def _stamp(epoch: float) -> str:
    return times.stamp(datetime.fromtimestamp(epoch, UTC), UTC)


def cycle_input(workspace_id: str, *, lock: bool) -> CycleInput:
    """The workspace's current state, without its file locks. `lock`: keep other cycles of the workspace out until the transaction ends."""
    limited, at_work = _rows(workspace_id, lock=lock)
    row = limited[0]
    config = configuration.load(_json(row["config"]))
    running = _running(workspace_id, at_work, config)
    hosts = online.hosts_of(_json(row["hosts"]) or [], workspace_id)
    slots = _slots(hosts, [session["host_id"] for session in at_work], unplaced=row["unplaced"])
    return CycleInput(
        state=row["state"],
        has_unproven=bool(row["has_unproven"]),
        max_workers=config.max_workers,
        worker_slots=slots.all,
        free_slots=max(0, min(config.max_workers - len(running), slots.free)),
        busy_elsewhere=slots.elsewhere,
        away=slots.away,
        headroom=row["headroom"],
        plan_left=row["plan_left"],
        held=row["held"],
        **_awaited(_json(row["awaited"]) or [], config.unknown_after_h),
        unknown_after_h=config.unknown_after_h,
        steered=config.auto_reallocate,
        min_round=config.min_round,
        round_ceiling=config.round_ceiling,
        min_judge=_min_judge(config),
        judge_limit=_judge_limit(config),
        limit_at_start=any(config.with_agent(name).gets_limit_at_start for name in config.by_name),
        caps=_caps(limited),
        running=running,
        repository=row["repository"],
        repository_message=row["repository_message"],
        integration=row["integration"] or "",
        hosts=hosts,
        agents=_agents(config, row),
        routes=entry_routes.routes_of(config),
        labels=frozenset(config.requires),
        home=row["home"],
        is_shared=bool(row["is_shared"]),
    )


def _rows(workspace_id: str, *, lock: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The executor with its project, a row for each limit (one with nulls without limits); and the sessions at work."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {_input_columns()}
            FROM orchestration_executor x JOIN budget_project p ON p.workspace_id = x.workspace_id
            LEFT JOIN orchestration_integration i ON i.workspace_id = x.workspace_id
            LEFT JOIN budget_limit l ON l.project_id = p.workspace_id AND l.category IN ('total', 'entry')
            WHERE x.workspace_id = %s {sql_dialect.for_update("x") if lock else ""}""",
            [workspace_id],
        )
        limited = sql_dialect.named(cursor)
        cursor.execute(f"SELECT {_running_columns()} {_RUNNING}", [workspace_id])
        return limited, sql_dialect.named(cursor)


def _caps(limited: Sequence[Mapping[str, Any]]) -> tuple[SpendLimit, ...]:
    return tuple(
        SpendLimit(limit["category"], limit["period"], limit["amount"], int(limit["remaining"]))
        for limit in limited
        if limit["category"]
    )


def _min_judge(config: configuration.Config) -> int:
    """Nothing admits the single requests of a judge past the gateway: it starts with all that it may spend."""
    return max(
        (
            review_money.MIN_LIMIT
            if gateway_use.may_use(config, judge.acting_agent, has_gateway=bool(settings.GATEWAY_URL))
            else configuration.micro(judge.round_usd)
            for judge in config.required_judges.values()
        ),
        default=0,
    )


def _judge_limit(config: configuration.Config) -> ConfigLimit:
    judges = config.required_judges.items()
    limits = [ConfigLimit(f"{key}.round_usd", configuration.micro(judge.round_usd)) for key, judge in judges]
    return max(limits, key=lambda limit: limit.amount, default=plan.NO_JUDGE)


class _Slots(NamedTuple):
    """The slots of hosts that take sessions. `elsewhere`: other workspaces have them; `away`: this workspace's sessions on other hosts."""

    all: int
    free: int
    elsewhere: int
    away: int


def _slots(hosts: Sequence[Host], own: Sequence[str], *, unplaced: int) -> _Slots:
    """A session takes a slot of its own host. `own`: the hosts of this workspace's open sessions; `unplaced`: open sessions, of all
    workspaces, that have no host yet."""
    taking = {host.id: host for host in hosts if host.takes}
    unplaced = 0 if any(host.id == "" for host in hosts) else unplaced
    away = sum(host_id not in taking for host_id in own if host_id or not unplaced)
    taken = sum(host.busy for host in taking.values()) + unplaced
    free = sum(host.free for host in taking.values()) - unplaced
    return _Slots(sum(host.slots for host in taking.values()), free, max(taken - (len(own) - away), 0), away)


def _agents(config: configuration.Config, row: dict[str, Any]) -> Agents:
    secrets = frozenset(name["name"] for name in _json(row["secrets"]) or [])
    troubles = {
        ModelAccess(each["credential"], each["family"]): Trouble(each["code"], each["message"], max(each["wait_s"] or 0.0, 0.0))
        for each in _json(row["troubles"]) or []
    }
    troubles |= _used_up(_json(row["windows"]) or [], troubles)
    plans = frozenset(each["name"] for each in _json(row["windows"]) or [] if each["billing"] == Credential.Billing.PLAN)
    doubted = _json(row["doubted"]) or []
    return Agents({name: _terms(config, name, secrets, doubted, plans) for name in config.by_name}, troubles)


def _used_up(rows: list[dict[str, Any]], troubles: Mapping[ModelAccess, Trouble]) -> dict[ModelAccess, Trouble]:
    """Credentials of which a window stops its agents, where that is longer than their circuit breaker."""
    at, closed = time.time(), {}
    for row in rows:
        access = ModelAccess(row["name"], ALL_MODELS)
        stop = windows.stop(_json(row["windows"]) or {}, _json(row["stop_at"]) or {}, at=at)
        if stop and (access not in troubles or troubles[access].wait_s < stop.resets_at - at):
            closed[access] = Trouble("window", stop.sentence, stop.resets_at - at)
    return closed


def _terms(
    config: configuration.Config,
    name: str,
    secrets: Collection[str],
    doubted: list[dict[str, Any]],
    plans: Collection[str] = (),
) -> Terms:
    """`plans`: the credentials that are paid already."""
    seen = config.with_agent(name)
    kinds = frozenset(agent.kind for agent in seen.session_agents)
    reviewing = [
        (part.acting_agent, model_access.of_role(part, role, config, secrets))
        for role, part in (("interceptor", config.interceptor), ("verifier", config.verifier))
        if part and part.required
    ]
    accesses = [(seen.agent, model_access.of_agent(seen.agent, name, config, secrets)), *reviewing]
    return Terms(
        kinds,
        seen.initial_reservation,
        _doubted(doubted, kinds),
        access=accesses[0][1],
        needed=model_access.needed(accesses),
        chain=config.chain(name),
        is_plan=accesses[0][1].credential in plans,
    )


def _doubted(rows: list[dict[str, Any]], kinds: frozenset[str]) -> str:
    """The sentence where an agent of one of these kinds is doubted."""
    return next(
        (
            f"#{row['seq']}'s agent reported {amounts.format_usd(row['booked'])} where {amounts.format_usd(row['reserved'])} was reserved: "
            "nothing more starts with it until a person confirms or rejects that spend on the session's page"
            for row in sorted(rows, key=lambda row: row["seq"])
            if row["agent"] in kinds
        ),
        "",
    )


def _input_columns() -> str:
    """Columns of an executor `x`, its project `p` and a limit `l`, if there is one."""
    return sql_dialect.picked(
        {
            "state": "x.state",
            "config": "x.config",
            "headroom": "p.max_project_spend - p.total_spent - p.held",
            "plan_left": """CASE WHEN p.total_budget BETWEEN 1 AND p.max_project_spend THEN p.total_budget
                ELSE p.max_project_spend END - p.total_spent""",
            "held": "p.held",
            "awaited": f"(SELECT {_awaited_rows()} {_AWAITED.format(whose='w.project_id = p.workspace_id')})",
            "hosts": f"""(SELECT {sql_dialect.json_rows(_HOST)} FROM orchestration_worker w
                WHERE w.queue = 'sessions' AND w.seen_at > {sql_dialect.seconds_ago(settings.LEASE_S / 2)})""",
            "is_shared": f"""EXISTS (SELECT 1 FROM orchestration_worker w JOIN workspaces_workspace o ON o.id = x.workspace_id
                WHERE w.queue = 'sessions' AND w.host_id NOT IN ('', o.host_id)
                AND w.seen_at > {sql_dialect.seconds_ago(local_repository.FORGOTTEN_AFTER.total_seconds())})""",
            "home": "(SELECT o.host_id FROM workspaces_workspace o WHERE o.id = x.workspace_id)",
            "unplaced": """(SELECT count(*) FROM orchestration_session s
                WHERE s.host_id = '' AND s.status IN ('claimed', 'running'))""",
            "secrets": f"(SELECT {sql_dialect.json_rows({'name': 'z.name'})} FROM orchestration_secret z WHERE z.workspace_id = x.workspace_id)",
            "windows": f"""(SELECT {sql_dialect.json_rows(_WINDOWS)} FROM orchestration_credential c
                WHERE c.workspace_id = x.workspace_id)""",
            "troubles": f"""(SELECT {sql_dialect.json_rows(_TROUBLE)} FROM orchestration_providerbreaker b
                WHERE b.workspace_id = x.workspace_id AND b.code <> '')""",
            "repository": "x.repository_code",
            "repository_message": "x.repository_message",
            "doubted": f"(SELECT {sql_dialect.json_rows(_DOUBTED)} {_DOUBTS})",
            "integration": "CASE WHEN i.state IN ('red', 'waiting', 'unusable') THEN i.message END",
            "has_unproven": f"""EXISTS (SELECT 1 FROM orchestration_landing u
                WHERE u.workspace_id = x.workspace_id AND u.state = '{Reason.UNPROVEN}')""",
            "category": "l.category",
            "period": "l.period",
            "amount": "l.amount",
            "remaining": f"l.amount - {limits.spent_sql()} - {limits.held_sql()}",
        }
    )


_WINDOWS = {"name": "c.name", "billing": "c.billing", "windows": "c.windows", "stop_at": "c.stop_at"}
_TROUBLE = {
    "credential": "b.credential",
    "family": "b.family",
    "code": "b.code",
    "message": "b.message",
    "wait_s": sql_dialect.seconds_until("b.until"),
}
_HOST = {
    "id": "w.host_id",
    "name": "w.host",
    "slots": "w.slots",
    "agents": "w.agents",
    "labels": "w.labels",
    "is_draining": "w.drain_by <> ''",
    "unreachable": "w.unreachable",
    "version": "w.version",
    "problem": "w.problem",
    "busy": """(SELECT count(*) FROM orchestration_session s
        WHERE s.host_id = w.host_id AND s.status IN ('claimed', 'running'))""",
}


# Sessions of an executor `x` whose spend a person has yet to believe.
_DOUBTED = {"seq": "e.seq", "agent": "s.agent", "booked": "h.drawn", "reserved": "h.amount"}
_DOUBTS = """FROM orchestration_session s JOIN orchestration_entry e ON e.id = s.entry_id JOIN budget_hold h ON h.id = s.hold_id
    WHERE s.workspace_id = x.workspace_id AND s.doubt = 'open'"""


_RUNNING = """FROM orchestration_session s JOIN orchestration_entry e ON e.id = s.entry_id
    JOIN budget_account a ON a.id = e.account_id LEFT JOIN budget_hold h ON h.id = s.hold_id
    WHERE s.workspace_id = %s AND s.status IN ('claimed', 'running')"""


# What a session `s` with a reservation `h` needs for its request that waits for money in the gateway: its whole bound, as long as others may give that back.
# By its least, with a lower output limit, an entry that had made room for it took the money again, eleven times in ten seconds.
_WAITS_FOR = f"""SELECT max(r.bound) FROM budget_gatewayrequest r
    WHERE r.hold_id = h.id AND r.state = 'waiting' AND r.reason = '{GatewayRequest.FOR_MONEY}'"""


def _running_columns() -> str:
    return sql_dialect.picked(
        {
            "entry_id": "s.entry_id",
            "host_id": "s.host_id",
            "agent_name": "s.agent_name",
            "parallelizable": "e.parallelizable",
            "parallel_group": "e.parallel_group",
            "phase": "s.phase",
            "own_budget": _WAITING["own_budget"],
            "headroom": _WAITING["headroom"],
            "amount": "coalesce(h.amount, 0)",
            "drawn": "coalesce(h.drawn, 0)",
            "in_flight": "coalesce(h.in_flight, 0)",
            "has_rounds": "e.has_rounds",
            "priority": "e.priority",
            "seq": "e.seq",
            "waits_for": f"coalesce(({_WAITS_FOR}), 0)",
        }
    )


def _running(workspace_id: str, rows: list[dict[str, Any]], config: configuration.Config) -> tuple[Running, ...]:
    growing = [
        row for row in rows if row["phase"] in reservations.GROWING and row["drawn"] > 0 and row["amount"] < config.round_ceiling
    ]
    usual = reservations.usual_cost(workspace_id, config) if growing else None
    wants = [_wants(row, config, usual) if row in growing else 0 for row in rows]
    counted = set[str]()  # candidates share what is left of their entry's share
    running = []
    for row, next_need in zip(rows, wants, strict=True):
        has_share = not row["own_budget"] and row["entry_id"] not in counted
        counted.add(row["entry_id"])
        running.append(
            Running(
                row["entry_id"],
                bool(row["parallelizable"]),
                row["parallel_group"],
                share_left=max(row["headroom"], 0) if has_share else 0,
                wants=max(next_need, _lacks(row)),
                agent=row["agent_name"],
                place=(int(not row["has_rounds"]), row["priority"], row["seq"]),
                may_return=max(row["amount"] - row["drawn"], 0) if row["phase"] in reservations.GROWING else 0,
            )
        )
    return tuple(running)


def _lacks(row: dict[str, Any]) -> int:
    """The money that its request in the gateway waits for: no start takes that."""
    return max(int(row["waits_for"]) - max(int(row["amount"] - row["drawn"] - row["in_flight"]), 0), 0)


def _wants(row: dict[str, Any], config: configuration.Config, usual: int | None) -> int:
    steps = reservations.growth(config.with_agent(row["agent_name"]), first=row["amount"], usual=usual)
    return steps.wants(amount=row["amount"], drawn=row["drawn"]) if steps else 0


def with_money(input_: CycleInput, workspace_id: str, entries: list[Waiting]) -> CycleInput:
    """The input of a cycle, with what only entries without a budget of their own, or only short money, make it read."""
    if any(not entry.own_budget for entry in entries):
        money = funding.plan(workspace_id)  # in one statement: a charge since its state was read counts in none or in all
        input_ = replace(input_, plan_left=money.left, held=money.held, set_aside=money.set_aside)
    if plan.is_short(input_, entries):
        usual = reallocation.usual_round(workspace_id, min_round=input_.min_round, max_round=input_.round_ceiling)
        input_ = replace(input_, usual_round=usual or 0)
    return input_


def line(workspace_id: str, input_: CycleInput, limit: int) -> list[Waiting]:
    """The head of the ready line, in its order, from its partial index. Where the head has entries without money of their own or a share,
    also the first that have some."""
    head = _line(workspace_id, input_, limit)
    min_round = max(input_.min_round, 1)
    if all(entry.own_budget or entry.headroom >= min_round for entry in head):
        return head
    seen = {entry.id for entry in head}
    funded = f"AND ({_WAITING['own_budget']} OR {_WAITING['headroom']} >= {int(min_round)})"
    return head + [entry for entry in _line(workspace_id, input_, limit, funded) if entry.id not in seen]


def _line(workspace_id: str, input_: CycleInput, limit: int, also: str = "") -> list[Waiting]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {_columns()} FROM orchestration_entry e JOIN budget_account a ON a.id = e.account_id
            {_ready("e", input_, also)} LIMIT %s""",
            [workspace_id, ready_line.openings(input_), limit],
        )
        return [_waiting(row, input_) for row in sql_dialect.named(cursor)]


def _ready(e: str, input_: CycleInput, also: str = "") -> str:
    """The ready line; its parameters are the workspace, and `openings`. What keeps an entry from starting for longer than a cycle is a
    condition here: an entry that waits for it would stop those behind it."""
    least = max(input_.min_round, 1)
    return f"""WHERE {e}.workspace_id = %s AND {e}.status = 'pending' AND {e}.unmet_dependencies = 0
                AND {e}.parked_behind_id IS NULL AND {e}.deleted_at IS NULL AND {e}.reason_code NOT IN ({_OUT_OF_LINE})
                AND ({e}.not_before IS NULL OR {e}.not_before <= {sql_dialect.now()})
                AND NOT EXISTS (SELECT 1 {_ASKED.format(e=e)}) AND NOT EXISTS (SELECT 1 {_UNANSWERED.format(e=e)})
                AND ({e}.next_candidates <= 1 OR NOT EXISTS (SELECT 1 {_AT_WORK.format(e=e)}))
                AND NOT EXISTS (SELECT 1 {_AWAITS_MONEY.format(e=e, least=least)}) AND {_is_payable(e, input_)}
                AND {ready_line.has_opening(e)} {also}
            ORDER BY {e}.workspace_id, {ready_line.order(e)}"""


def _is_payable(e: str, input_: CycleInput) -> str:
    """The SQL condition for entries `e` whose next request could be paid: at once, or with what sessions at work give back."""
    money = max(plan.recoverable_money(input_), 0)
    return f"""({e}.least_request = 0
                OR {e}.next_work <> 'verify' AND {e}.least_limit <> 'role' AND {e}.least_request <= {int(input_.round_ceiling)}
                    AND ({e}.least_limit <> 'money' OR {e}.least_request <= {int(money)})
                OR {e}.next_work = 'verify' AND ({e}.least_limit <> 'role' OR {e}.least_request <= {int(input_.judge_limit.amount)})
                    AND ({e}.least_limit <> 'money' OR {e}.least_request <= {int(money)})
                OR {e}.next_work <> 'verify' AND {e}.least_limit = 'role')"""


def unfinished(
    workspace_id: str,
    input_: CycleInput,
    *,
    after: tuple[int, ...] = (),
    entry_ids: list[str] | None = None,
    ahead: int = 0,
    limit: int = 500,
) -> list[Waiting]:
    """Entries that are not done and have no session, for `explain`: in the executor's order; or these `entry_ids` and the
    first `ahead` of the ready line."""
    named, among = "", []
    if entry_ids is not None:
        # One list of ids: with OR the database would walk all that wait.
        ids = f"SELECT n.id FROM orchestration_entry n WHERE {sql_dialect.among('n.id')}"
        head = f"SELECT r.id FROM orchestration_entry r {_ready('r', input_)} LIMIT %s"
        named = f"AND e.id IN ({ids} UNION ALL SELECT h.id FROM ({head}) h)"
        among = [sql_dialect.values(entry_ids), workspace_id, ready_line.openings(input_), ahead]
    with connection.cursor() as cursor:
        beyond = f"AND {ready_line.beyond('e')}" if after else ""
        cursor.execute(
            f"""SELECT {_columns()} FROM orchestration_entry e JOIN budget_account a ON a.id = e.account_id
            WHERE e.workspace_id = %s AND e.status IN ('pending', 'blocked', 'failed') AND e.deleted_at IS NULL {named} {beyond}
            ORDER BY {ready_line.order("e")} LIMIT %s""",
            [workspace_id, *among, *after, limit],
        )
        return [_waiting(row, input_) for row in sql_dialect.named(cursor)]


def with_locks(input_: CycleInput, workspace_id: str, entries: list[Waiting]) -> CycleInput:
    """The input of a cycle, with the locks that overlap these entries' paths, and those of them that an entry may take over."""
    paths = [path for entry in entries for path in entry.paths]
    held = tuple(locks.overlapping(workspace_id, paths))
    ids = {entry.id for entry in entries}
    others = {holder for _, holder in held} - ids if held else set()
    return replace(input_, locks=held, passing_on=unproven.passing_on(ids, others) if others else {})


def _waiting(row: dict[str, Any], input_: CycleInput) -> Waiting:
    """SQLite returns numbers for booleans."""
    booleans = {
        name: bool(row[name])
        for name in ("parallelizable", "verify_only", "has_rounds", "own_budget", "is_container", "is_shared")
    }
    lists = {"paths": (*_json(row["paths"]), *_json(row.pop("taken_paths"))), "requires": tuple(_json(row["requires"]))}
    awaited = _awaited(_json(row["awaited"]) or [], input_.unknown_after_h)
    steps = _steps(row, input_.routes)
    step = {"step": min(row["step"] + 1, steps), "steps": steps}
    return Waiting(**{**row, **booleans, **lists, **awaited, **step, "wait_s": max(row["wait_s"] or 0.0, 0.0)})


def _steps(row: dict[str, Any], routes: Routes) -> int:
    """The number of steps of its route: its own, the one agent that it asks for, or that of the config."""
    own, asks, group = _json(row.pop("route")), row.pop("asks"), row.pop("group_name")
    return max(len(own if own or asks else routes.of(group)), 1)


def _json(value: Any) -> Any:
    """Django's raw cursors return JSON columns as text."""
    return json.loads(value) if isinstance(value, str) else value
