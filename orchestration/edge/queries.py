"""Reads for pages and the API, each in a fixed number of queries."""

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, OuterRef, Q, QuerySet

from budget import amounts
from budget.models import RoundSpend
from budget.reads import gateway_requests
from orchestration import configuration
from orchestration.backlog import content, fields
from orchestration.backlog.tree import reads as tree
from orchestration.configuration import agent_states, workspace_setup
from orchestration.executor import explain
from orchestration.facts.reasons import Reason
from orchestration.hosts import online
from orchestration.landing import queue, reads
from orchestration.lists import entries as lists
from orchestration.models import Dependency, Entry, Executor, FileLock, Round, Session
from orchestration.sessions import candidates, sandbox
from orchestration.sessions.sandbox import network
from workspaces import paging
from workspaces.errors import NotFound
from workspaces.models import Event
from workspaces.values import ids

MOST_CHUNKS = 10
"""Chunks of entries that one page looks through for a reason: about a second for 5,000 entries."""


def entry_for(workspace_id: str, entry_id: str) -> Entry:
    """An entry on the backlog. Raises NotFound."""
    entry = None
    if ids.is_id(entry_id):
        entries = Entry.objects.select_related("account", "workspace")
        entry = entries.filter(pk=entry_id, workspace_id=workspace_id, deleted_at__isnull=True).first()
    if entry is None:
        raise NotFound("Entry not found")
    return entry


def entry_named(workspace_id: str, name: str) -> Entry:
    """An entry on the backlog by its number or its id. Raises NotFound."""
    if not (name.isascii() and name.isdigit() and len(name) <= 9):
        return entry_for(workspace_id, name)
    entries = Entry.objects.select_related("account", "workspace")
    entry = entries.filter(seq=int(name), workspace_id=workspace_id, deleted_at__isnull=True).first()
    if entry is None:
        raise NotFound("Entry not found")
    return entry


def session_for(workspace_id: str, session_id: str, *, or_run: bool = False) -> Session:
    """A session of the workspace, open or ended. `or_run`: also that of a run. Raises NotFound."""
    session = None
    if ids.is_id(session_id):
        session = (
            (Session.of_any_role if or_run else Session.objects)
            .select_related("entry__account", "hold", "worker")
            .annotate(**gateway_requests.oldest_wait(OuterRef("hold_id")))
            .filter(pk=session_id, workspace_id=workspace_id)
            .first()
        )
    if session is None:
        raise NotFound("Worker session not found")
    return session


def executor_for(workspace_id: str) -> Executor:
    return Executor.objects.get(pk=workspace_id)


def agent_state(workspace_id: str) -> dict[str, Any]:
    """The state of the workspace's agents: if they can work, with the versions of their programs. Four queries, five where one cannot."""
    executor = executor_for(workspace_id)
    return agent_state_of(executor, agent_states.of_executor(executor))


def agent_state_of(executor: Executor, states: agent_states.AgentStates) -> dict[str, Any]:
    """The same, for a caller that has both. One query."""
    config = configuration.load(executor.config)
    able = online.able(within_s=settings.LEASE_S).order_by("host")
    pushed = {"commit": executor.pushed_commit or None, "error": executor.push_error or None}
    usual = states.implementing[0].breaker
    return {
        "kind": config.agent.kind,
        "code": usual.code if usual else None,
        "message": usual.message if usual else None,
        "since": usual.since if usual else None,
        "until": usual.until if usual else None,
        "agents": agent_states.as_json(states),
        "programs": [
            {"host": host, "versions": _versions(programs), "sandbox": programs.get("sandbox")}
            for host, programs in dict(able.values_list("host", "agents")).items()
        ],
        "push": {"remote": config.push.remote, **pushed} if config.push else None,
    }


def asked_for_agents(workspace_id: str) -> dict[str, int]:
    """The number of entries that are not done, by the agent of their next session, as their route says; the empty name is the usual agent's. One query."""
    waiting = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True).exclude(status=Entry.Status.DONE)
    return dict(waiting.order_by().values_list("next_agent").annotate(entries=Count("pk")))


OF_HOST = ("sandbox", "memory")
"""What a worker reports of its host beside the agents that are installed there."""


def sandbox_in_force(config: configuration.Config, offer: str | None = None) -> tuple[bool, str]:
    """True if all processes of a workspace with this config are confined, and what they can reach, in sentences, with what would be better. Two
    queries, one with its `private_network_offer`."""
    in_config = sandbox.of_workspace(config, has_gateway=bool(settings.GATEWAY_URL))
    confined, sentence = sandbox.in_force(in_config, online.sandboxes())
    sentence = f"{sentence} {private_network_offer(config) if offer is None else offer}".rstrip()
    warning = network.warning_of_unguarded(connection.settings_dict, settings.REDIS_URL, os.environ)
    return confined, f"{sentence} {warning}".rstrip() if in_config.network in ("open", "auto") else sentence


def private_network_offer(config: configuration.Config) -> str:
    """A sentence where a network for each working copy works and this config has none; else empty. One query."""
    return sandbox.offer(config.sandbox, works=workspace_setup.has_private_networks())


def _versions(programs: dict[str, str]) -> dict[str, str]:
    return {kind: version for kind, version in programs.items() if kind not in OF_HOST}


def memory_limit() -> str:
    """A sentence about who keeps `limits.memory_mb` on the hosts that are online. One query."""
    able = online.able(within_s=settings.LEASE_S)
    reports = {host: programs["memory"] for host, programs in able.values_list("host", "agents") if "memory" in programs}
    watched = sorted(host for host, report in reports.items() if report != "kernel")
    if watched:
        return f"Checked each second on {', '.join(watched)}, where the kernel keeps no such limit (MUSTER_CGROUP_PARENT)."
    return "Kept by the kernel." if reports else ""


def open_sessions(workspace_id: str) -> list[Session]:
    """Longest first. Sorted here: asked for the order, SQLite would read all sessions by it."""
    sessions = Session.objects.filter(workspace_id=workspace_id, status__in=Session.OPEN).select_related("entry", "hold")
    sessions = sessions.annotate(**gateway_requests.oldest_wait(OuterRef("hold_id")))
    return sorted(sessions, key=lambda session: (session.claimed_at, session.pk))


def shown_status(session: Session) -> str:
    """A session's status in the API: an open session with a stop request is stopping."""
    if session.status == Session.Status.ENDED:
        return session.outcome
    if session.stop_wanted_at is not None:
        return "stopping"
    return "starting" if session.status == Session.Status.CLAIMED else "running"


def shown_phase(session: Session) -> str:
    """The contract has no phase for setup or merge: a starting session shows the phase to come, a merging one verification."""
    if session.phase == Session.Phase.STARTING:
        return "verification" if session.work == Entry.Work.VERIFY else "implementation"
    return "verification" if session.phase == Session.Phase.MERGING else session.phase


def locks_by_entry(workspace_id: str) -> dict[str, list[str]]:
    """Entry id to its locked paths, sorted, as in the contract."""
    locked: dict[str, list[str]] = defaultdict(list)
    for entry_id, path in (
        FileLock.objects.filter(workspace_id=workspace_id).order_by("entry_id", "path").values_list("entry_id", "path")
    ):
        locked[entry_id].append(path)
    return locked


def counts(workspace_id: str) -> dict[str, int]:
    """Entries by status, as the contract's diagnostics name them."""
    rows = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True).values_list("status").annotate(n=Count("id"))
    by_status = dict(rows.order_by())
    names = {"pending": "pending", "blocked": "blocked", "in_progress": "inProgress", "done": "done", "failed": "failed"}
    return {"total": sum(by_status.values()), **{shown: by_status.get(status, 0) for status, shown in names.items()}}


def standings(workspace_id: str) -> list[dict[str, Any]]:
    """The numbers of entries by status and stored reason. One query."""
    rows = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True).order_by("status", "reason_code")
    return [
        {"status": status, "reason": reason or "", "number": number}
        for status, reason, number in rows.values_list("status", "reason_code").annotate(n=Count("id"))
    ]


def diagnostics(workspace_id: str) -> dict[str, Any]:
    """The contract's diagnostics: the executor's state, and why entries wait."""
    executor = executor_for(workspace_id)
    statuses = [session.status for session in open_sessions(workspace_id)]
    explained = list(explain.whole(workspace_id))
    return {
        "state": executor.state,
        "paused": executor.state == Executor.State.PAUSED,
        "initialized": executor.state != Executor.State.STOPPED,
        "trackedSessions": len(statuses),
        "activeSessions": statuses.count(Session.Status.RUNNING),
        "dispatchingCount": statuses.count(Session.Status.CLAIMED),
        "entries": counts(workspace_id),
        "readyToDispatch": sum(
            1 for explanation in explained if explanation.why is None or explanation.why.code == Reason.CONCURRENCY_LIMIT
        ),
        "blockedReasons": list(dict.fromkeys(explanation.why.code for explanation in explained if explanation.why)),
    }


def entries_page(
    workspace_id: str,
    *,
    status: str | None = None,
    reason: str | None = None,
    words: str = "",
    search: str | None = None,
    sort: str | None = None,
    limit: int = 500,
    cursor: str | None = None,
) -> tuple[list[Entry], str | None]:
    """Entries by number or in the order `sort`, after `cursor`."""
    entries = (lists.searched(workspace_id, search) if search else lists.backlog(workspace_id)).select_related("account")
    if status:
        entries = entries.filter(status=status)
    if words:
        entries = entries.filter(Q(content__icontains=words) | Q(id=words))
    if sort:
        name, descending = lists.order(sort)
        entries = lists.with_reason(workspace_id, entries, reason) if reason else entries
        return paging.page_in_order(
            lists.ordered(entries, name), "place", "seq", descending=descending, limit=limit, cursor=cursor
        )
    if reason:
        return _page_of_reason(workspace_id, entries, reason, limit, cursor)
    return paging.page(entries, "seq", limit=limit, cursor=cursor)


def _page_of_reason(
    workspace_id: str, entries: QuerySet[Entry], reason: str, limit: int, cursor: str | None
) -> tuple[list[Entry], str | None]:
    """By the stored reason, or by the executor's checks for one that is not stored. These are made for chunks of the entries until the page is full, or
    MOST_CHUNKS were looked at: then the page is short, and its cursor goes on."""
    matching: list[Entry] = []
    last = paging.position(cursor) if cursor is not None else 0
    for _ in range(MOST_CHUNKS):
        chunk = list(entries.filter(seq__gt=last).order_by("seq")[: explain.CHUNK])
        why = explain.reasons(workspace_id, [entry.pk for entry in chunk if entry.status != Entry.Status.DONE])
        for entry in chunk:
            checked = why.get(entry.pk)
            if entry.reason_code == reason or (checked and checked.why and checked.why.code == reason):
                matching.append(entry)
        if len(matching) > limit or len(chunk) < explain.CHUNK:
            return paging.cut(matching, limit, "seq")
        last = chunk[-1].seq
    return matching, str(last)


def shown_entries(workspace_id: str, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Entries as the API shows them. The number of queries does not depend on the number of entries."""
    ids_ = [entry.pk for entry in entries]
    why = explain.reasons(workspace_id, [e.pk for e in entries if e.status != Entry.Status.DONE])
    away = queue.waiting_for_host([e.pk for e in entries if e.status == Entry.Status.IN_PROGRESS])
    before: dict[str, list[str]] = defaultdict(list)
    for waiting, other in Dependency.objects.filter(entry_id__in=ids_).order_by("id").values_list("entry_id", "depends_on_id"):
        before[waiting].append(other)
    worked: dict[str, list[str]] = defaultdict(list)
    for entry_id, session_id in Session.objects.filter(entry_id__in=ids_).order_by("attempt").values_list("entry_id", "id"):
        worked[entry_id].append(session_id)
    split = [entry.pk for entry in entries if entry.is_container]
    children = tree.children(split)
    budgets = tree.budgets(split)
    return [
        _shown(
            entry,
            [*_reasons(why.get(entry.pk)), *_away(away.get(entry.pk))],
            before[entry.pk],
            worked[entry.pk],
            [child.pk for child in children[entry.pk]],
            budgets.get(entry.pk, entry.account.budget),
        )
        for entry in entries
    ]


def _shown(
    entry: Entry,
    reasons: list[dict[str, str]],
    depends_on: list[str],
    session_ids: list[str],
    children: Sequence[str],
    budget: int,
) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "seq": entry.seq,
        "type": entry.type,
        **{name: each.shown(getattr(entry, name)) for name, each in fields.FIELDS.items()},
        "spec": entry.spec,
        "spec_frozen": entry.spec_frozen,
        "status": entry.status,
        "reasons": reasons,
        "depends_on": depends_on,
        "parent": entry.parent_id,
        "children": children,
        "budget_usd": amounts.number(budget),
        "budget_human_locked": entry.account.human_locked,
        "spent_usd": amounts.number(entry.account.spent),
        "budget_rounds": entry.budget_rounds,
        "rounds_completed": entry.rounds_completed,
        "score": entry.score,
        "branch": entry.branch if session_ids else None,
        "created_by": entry.created_by or None,
        "assigned_to": entry.assigned_to or None,
        "session_ids": session_ids,
        "created_at": entry.created_at,
        "updated_at": entry.updated_at,
        "step": entry.step + 1,
        "next_agent": entry.next_agent or configuration.DEFAULT,
        "next_effort": entry.next_effort or None,
        "next_candidates": entry.next_candidates,
        "source": _source(entry),
        "version": content.version(fields.values(entry, depends_on)),
    }


def _reasons(explanation: explain.Explanation | None) -> list[dict[str, str]]:
    return [
        {"code": check.code, "message": check.message, "observed": check.observed, "needed": check.needed}
        for check in (explanation.checks if explanation else [])
        if not check.passed
    ]


def _away(message: str | None) -> list[dict[str, str]]:
    """Verified work whose commit is on another host alone."""
    if not message:
        return []
    return [{"code": Reason.NO_HOST_FITS, "message": message, "observed": "its commit is not here", "needed": "its commit"}]


def _source(entry: Entry) -> dict[str, Any] | None:
    if entry.source_hashes is None:
        return None
    return {"plan": entry.source_plan, "id": entry.source_id or None, "path": entry.source_path}


def rounds_page(entry: Entry, *, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """Rounds after `cursor`, by number, with cost and findings, and the next cursor. Two queries."""
    rounds, following = paging.page(Round.objects.filter(entry=entry), "number", limit=limit, cursor=cursor)
    return shown_rounds(entry, rounds), following


def shown_rounds(entry: Entry, rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """Rounds with cost and findings. One query for the costs."""
    costs = dict(RoundSpend.objects.filter(account_id=entry.pk).values_list("number", "cost"))
    several = [round_.number for round_ in rounds if round_.candidate]
    shown = candidates.of_rounds(entry.pk, several) if several else {}
    return [
        {
            "number": round_.number,
            "session_id": round_.session_id,
            "cost_usd": amounts.number(costs.get(round_.number, 0)),
            "score": round_.score,
            "improvement_score": round_.improvement_score,
            "base_score": round_.base_score,
            "verdict": round_.verdict,
            "is_unproven": round_.is_unproven,
            "ended_early": round_.ended_early,
            "summary": round_.summary,
            "findings": round_.findings,
            "checks": [reads.shown_check(check) for check in round_.checks],
            "review": round_.review or None,
            "commit": round_.commit or None,
            "diffstat": round_.diffstat,
            "prompt": round_.prompt,
            "candidates": [_shown_candidate(each) for each in shown.get(round_.number, [])],
            "started_at": round_.started_at,
            "ended_at": round_.ended_at,
        }
        for round_ in rounds
    ]


def _shown_candidate(row: candidates.Shown) -> dict[str, Any]:
    return {
        "candidate": row.round.candidate,
        "session_id": row.round.session_id,
        "is_chosen": not row.round.is_set_aside,
        "verdict": row.round.verdict,
        "score": row.round.score,
        "cost_usd": amounts.number(row.cost),
        "commit": row.round.commit or None,
    }


def events_after(workspace_id: str, *, after: int, limit: int) -> list[Event]:
    return list(Event.objects.filter(workspace_id=workspace_id, id__gt=after).order_by("id")[:limit])


def newest_event(workspace_id: str) -> int:
    """The number of the newest event; `events_after` returns later ones."""
    return Event.objects.filter(workspace_id=workspace_id).aggregate(newest=Max("id"))["newest"] or 0
