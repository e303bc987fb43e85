"""The executor calls of the contract, and explain."""

from collections.abc import Sequence
from typing import Annotated, Any

from django.utils.timezone import now
from ninja import Path, Query, Router

from budget.reads import queries as budgets
from orchestration import configuration, schemas, sessions
from orchestration.api import dialogue, landing
from orchestration.approval import reads as approvals
from orchestration.backlog import entry_actions
from orchestration.dialogue import reads as questions
from orchestration.edge import queries
from orchestration.executor import control, dispatch, ready_line, stopping
from orchestration.executor import explain as explaining
from orchestration.facts import events
from orchestration.lists import sessions as lists
from orchestration.models import Session
from workspaces import access, activity, paging
from workspaces.access import Need, Request
from workspaces.errors import Invalid
from workspaces.schemas import Cursor, Limit, responses

router = Router(tags=["executor"])
FIRST = 100
"""Rows of each list of the summary."""


@router.post("/executor/start", response=responses(schemas.Started), operation_id="agent.orchestration.executorStart")
def start(request: Request, workspaceID: Path[str]) -> Any:
    """Begin dispatching: from then on eligible entries are given worker sessions."""
    control.start(access.workspace_for(request.auth, workspaceID, Need.OPERATE).pk, by=request.auth)
    return {"started": True}


@router.post("/executor/pause", response=responses(schemas.Paused), operation_id="agent.orchestration.executorPause")
def pause(request: Request, workspaceID: Path[str]) -> Any:
    """Dispatch nothing new until resume; sessions at work go on."""
    control.pause(access.workspace_for(request.auth, workspaceID, Need.OPERATE).pk, by=request.auth)
    return {"paused": True}


@router.post("/executor/resume", response=responses(schemas.Resumed), operation_id="agent.orchestration.executorResume")
def resume(request: Request, workspaceID: Path[str]) -> Any:
    """Dispatch again after a pause."""
    control.resume(access.workspace_for(request.auth, workspaceID, Need.OPERATE).pk, by=request.auth)
    return {"resumed": True}


@router.post(
    "/executor/stop-all",
    response=responses(schemas.StoppedAll),
    exclude_unset=True,
    operation_id="agent.orchestration.executorStopAll",
)
def stop_all(request: Request, workspaceID: Path[str]) -> Any:
    """The emergency stop: every session at work is ended, and the executor is paused. `stopped` is true once every session is proven to
    have ended; those that have not within five seconds are named in `alive`, and Muster goes on ending them."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    control.stop_all(workspace.pk, by=request.auth)
    alive = stopping.wait_for_ends(workspace.pk)
    return {"stopped": False, "alive": alive} if alive else {"stopped": True}


@router.post(
    "/executor/workers/{sessionID}/stop",
    response=responses(schemas.Stopped),
    operation_id="agent.orchestration.executorStopWorker",
)
def stop_worker(request: Request, workspaceID: Path[str], sessionID: str) -> Any:
    """End one session. The executor keeps its state; the entry is held until someone releases it."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    sessions.stop(workspace.pk, queries.session_for(workspace.pk, sessionID).pk, by=request.auth)
    return {"stopped": True}


@router.post(
    "/executor/workers/{sessionID}/kill",
    response=responses(schemas.Killed),
    operation_id="agent.orchestration.executorKillWorker",
)
def kill_worker(request: Request, workspaceID: Path[str], sessionID: str) -> Any:
    """End one session without the grace period of a stop. Its work is kept; its entry goes back in line, or on hold after a stop."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    sessions.kill(workspace.pk, queries.session_for(workspace.pk, sessionID).pk, by=request.auth)
    return {"killed": True}


@router.post(
    "/executor/force-dispatch", response=responses(schemas.Dispatched), operation_id="agent.orchestration.executorForceDispatch"
)
def force_dispatch(request: Request, workspaceID: Path[str]) -> Any:
    """Run a dispatch cycle now. It never overrides pause, caps or locks; the diagnostics say what stands in the way."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    dispatch.cycle(workspace.pk)
    activity.record(workspace.pk, events.DispatchForced(), by=request.auth, object_id=workspace.pk)
    return {"dispatched": True, "diagnostics": queries.diagnostics(workspace.pk)}


@router.get(
    "/executor/status",
    response=responses(schemas.ExecutorStatus),
    operation_id="agent.orchestration.executorGetStatus",
    exclude_unset=True,
)
def get_status(request: Request, workspaceID: Path[str], numbers: bool | None = None) -> Any:
    """The executor's state and the number of sessions at work. `numbers`: also those of entries, by status and reason."""
    workspace = access.workspace_for(request.auth, workspaceID)
    shown = _status(workspace.pk, queries.open_sessions(workspace.pk))
    return shown | ({"entries": queries.standings(workspace.pk)} if numbers else {})


@router.get("/executor/workers", response=responses(schemas.Workers), operation_id="agent.orchestration.executorGetWorkers")
def get_workers(
    request: Request,
    workspaceID: Path[str],
    phase: Annotated[str | None, Query(pattern=lists.PHASE)] = None,
    q: Annotated[str | None, Query(max_length=lists.MAX_WORDS)] = None,
    sort: Annotated[str | None, Query(pattern=lists.ORDER)] = None,
) -> Any:
    """The sessions at work, with their entry, phase and status. `phase`, `q` and `sort` as on the page *Sessions*."""
    workspace = access.workspace_for(request.auth, workspaceID)
    at_work = queries.open_sessions(workspace.pk)
    shown = lists.at_work(at_work, now(), phase=phase or "", words=q or "", sort=sort or "")
    return {"workers": [_worker(session) for session in shown]}


@router.get("/summary", response=responses(schemas.SummaryOut), operation_id="agent.orchestration.executorSummary")
def get_summary(request: Request, workspaceID: Path[str]) -> Any:
    """All that a person looks at first: the executor with the numbers of entries by status and reason, the sessions at work, what waits for a person,
    the integration branch and the budget."""
    workspace = access.workspace_for(request.auth, workspaceID)
    at_work = queries.open_sessions(workspace.pk)
    return {
        "executor": _status(workspace.pk, at_work) | {"entries": queries.standings(workspace.pk)},
        "workers": [_worker(session) | {"seq": session.entry.seq, "title": session.entry.title} for session in at_work],
        "approvals": approvals.waiting([workspace.pk], limit=FIRST),
        "approvals_total": approvals.number_waiting([workspace.pk]),
        "questions": dialogue.shown_unanswered(questions.unanswered([workspace.pk], limit=FIRST)),
        "questions_total": questions.number_unanswered([workspace.pk]),
        "landing": landing.shown(workspace),
        "budget": budgets.totals(budgets.project_of(workspace.pk)),
    }


@router.get("/executor/locks", response=responses(dict[str, list[str]]), operation_id="agent.orchestration.executorGetLocks")
def get_locks(request: Request, workspaceID: Path[str]) -> Any:
    """The paths locked now, by entry."""
    return queries.locks_by_entry(access.workspace_for(request.auth, workspaceID).pk)


@router.post(
    "/executor/entries/{entryID}/reverify",
    response=responses(schemas.Ok, conflict=True),
    operation_id="agent.orchestration.executorReverifyEntry",
)
def reverify(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """Verify again what the last session left, without implementing. Its completed rounds count from 0 again."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    entry_actions.reverify(queries.entry_for(workspace.pk, entryID), by=request.auth)
    return {"ok": True}


@router.get("/executor/explain", response=responses(schemas.Explained), operation_id="agent.orchestration.executorExplain")
def explain(
    request: Request,
    workspaceID: Path[str],
    limit: Limit = 100,
    cursor: Cursor = None,
    entry: Annotated[str | None, Query(max_length=60)] = None,
) -> Any:
    """For every entry that waits, the executor's checks in its order: result, what is, what is needed. `entry`: for this one alone, by its number or its
    id, with the entry itself."""
    workspace = access.workspace_for(request.auth, workspaceID)
    _, sandbox = queries.sandbox_in_force(configuration.load(queries.executor_for(workspace.pk).config))
    if entry is not None:
        row = queries.entry_named(workspace.pk, entry)
        explained = explaining.reasons(workspace.pk, [row.pk]).values()
        [shown_entry] = queries.shown_entries(workspace.pk, [row])
        return {"entries": [_shown(each) for each in explained], "next_cursor": None, "sandbox": sandbox, "entry": shown_entry}
    _, explanations = explaining.explain(workspace.pk, after=_position(cursor), limit=limit + 1)
    shown = [_shown(explanation) for explanation in explanations]
    next_cursor = _cursor(explanations[limit - 1]) if len(explanations) > limit else None
    return {"entries": shown[:limit], "next_cursor": next_cursor, "sandbox": sandbox}


def _status(workspace_id: str, at_work: Sequence[Session]) -> dict[str, Any]:
    state = queries.executor_for(workspace_id).state
    return {"state": state, "paused": state == "paused", "activeWorkers": len(at_work)}


def _worker(session: Session) -> dict[str, Any]:
    return {
        "sessionID": session.pk,
        "entryID": session.entry_id,
        "phase": queries.shown_phase(session),
        "status": queries.shown_status(session),
    }


def _shown(explanation: explaining.Explanation) -> dict[str, Any]:
    return {
        "entry_id": explanation.entry.id,
        "why": explanation.why.code if explanation.why else None,
        "checks": [_check(each) for each in explanation.checks],
    }


def _check(check: Any) -> dict[str, Any]:
    return {
        "code": check.code,
        "passed": check.passed,
        "observed": check.observed,
        "needed": check.needed,
        "message": "" if check.passed else check.message,
    }


def _position(cursor: str | None) -> tuple[int, ...]:
    """The position in line that a cursor names. Raises Invalid."""
    if cursor is None:
        return ()
    parts = cursor.split("-")
    if len(parts) != len(ready_line.FIELDS):
        raise Invalid("The cursor is not one of this list", "cursor")
    return tuple(paging.position(part) for part in parts)


def _cursor(explanation: explaining.Explanation) -> str:
    return "-".join(map(str, ready_line.place(explanation.entry)))
