"""The executor's page: controls, why entries wait, recent ticks and cycles, and dependencies."""

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from budget.charts import sparkline
from dashboard.shared import fragments
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.header import HEADER, is_late, shown_state
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import done
from dashboard.shared.texts import labels
from orchestration import configuration
from orchestration.configuration import workspace_setup
from orchestration.configuration.config import agent_kinds
from orchestration.edge import queries
from orchestration.executor import explain
from orchestration.executor import stats as executor_stats
from orchestration.facts import reasons
from orchestration.models import Entry, Worker
from workspaces.access import Need
from workspaces.machine import release
from workspaces.models import Event

MAX_TICKS = 20
MAX_EXPLAINED = 20
MAX_CHECKED = 500
MAX_HISTORY = 50
MAX_BEATS = 60
MIN_FREE_BYTES = 2 * 2**30


class WorkersForm(forms.Form):
    workers = forms.IntegerField(min_value=1, max_value=500, error_messages={"required": "Write a number of workers"})


@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    return render_page(page_request, "executor/executor.html", REGIONS)


@require_POST
@in_workspace(Need.ADMIN)
def set_workers(page_request: PageRequest) -> HttpResponse:
    max_workers = validated(WorkersForm(page_request.request.POST))["workers"]
    workspace_setup.configure(page_request.workspace, {"max_workers": max_workers}, by=page_request.caller)
    return done(page_request, f"At most {max_workers} {'worker' if max_workers == 1 else 'workers'} at a time from now on")


def controls(page_request: PageRequest) -> dict[str, Any]:
    """The desired and the observed state, separately."""
    config = configuration.load(page_request.executor.config)
    return {
        "executor": page_request.executor,
        "shown_state": shown_state(page_request),
        "at_work": page_request.at_work,
        "config": config,
        "slots_online": _slots(_online(page_request)),
        "agent_title": agent_kinds.title(config.agent.kind),
    }


def waiting(page_request: PageRequest) -> dict[str, Any]:
    """The reason why each entry waits: its first failing check, and how many entries share it. The checks are the plan's own."""
    _, explanations = explain.explain(page_request.workspace.pk, limit=MAX_CHECKED)
    why = [explanation for explanation in explanations if explanation.why]
    tally = Counter(explanation.why.code for explanation in why if explanation.why)
    # the others say what the tally says
    own = [explanation for explanation in why if explanation.why and not explanation.why.common]
    shown = own[:MAX_EXPLAINED]
    holders = {explanation.why.holder for explanation in shown if explanation.why and explanation.why.holder}
    entries = Entry.objects.in_bulk([*(explanation.entry.id for explanation in shown), *holders])
    names = {id_: fragments.link_to(entries[id_]) for id_ in holders if id_ in entries}
    return {
        "tally": [(code, reasons.group(code), n) for code, n in tally.most_common()],
        "ready": sum(1 for explanation in explanations if explanation.why is None),
        "explained": [
            {
                "entry": entries[explanation.entry.id],
                "why": labels.linked(explanation.why.message or reasons.plain(explanation.why.code), names),
                "failing": [
                    (
                        reasons.label(check.code),
                        check.observed,
                        check.needed,
                    )
                    for check in explanation.checks
                    if not check.passed
                ],
                "passing": sum(1 for check in explanation.checks if check.passed),
            }
            for explanation in shown
            if explanation.why and explanation.entry.id in entries
        ],
        "more_waiting": len(own) - len(shown),
        "explained_count": MAX_CHECKED if len(explanations) >= MAX_CHECKED else 0,
    }


def ticks(page_request: PageRequest) -> dict[str, Any]:
    """The executor's last ticks and this workspace's last cycles. They are stored in Valkey; `known` is false if it does not answer."""
    beats, cycles = executor_stats.ticks(), executor_stats.cycles(page_request.workspace.pk)
    took = sorted(beat["ms"] for beat in beats or [])
    started = [cycle["started"] for cycle in reversed(cycles or [])]
    return {
        "known": beats is not None and cycles is not None,
        "late": is_late(page_request.ticked_at),
        "ticked_at": page_request.ticked_at,
        "tick_every": f"{settings.TICK_S:g}",
        "p50": took[len(took) // 2] if took else None,
        "p95": took[min(int(len(took) * 0.95), len(took) - 1)] if took else None,
        "beats": len(took),
        "cycles": _alike([_cycle(cycle) for cycle in (cycles or [])[:MAX_TICKS]]),
        "spark": _spark([0] * (MAX_BEATS - len(started)) + started) if started else "",
    }


def _spark(started: list[int]) -> SafeString:
    return sparkline.draw(started, [f"{n} started" for n in started], "Sessions started per cycle")


def _cycle(cycle: dict[str, Any]) -> dict[str, Any]:
    if cycle["state"] != "running":
        words = f"skipped: the executor is {cycle['state']}"
    elif not cycle["free"]:
        words = "no free slot"
    elif not cycle["looked"]:
        words = "no entries were ready"
    else:
        waits = [f"{n} {reasons.group(code)}" for code, n in cycle["waits"].items()]
        words = ", ".join(waits) or "all ready entries were started"
    return cycle | {"when": datetime.fromtimestamp(cycle["at"], UTC), "words": words}


def _alike(cycles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cycles in a row that started nothing, for the same reason, as one row: the newest, how many, and since when."""
    grouped = [list(group) for _, group in groupby(cycles, key=lambda cycle: cycle["started"] or cycle["words"])]
    rows: list[dict[str, Any]] = []
    for group in grouped:
        if group[0]["started"]:
            rows += group
        else:
            slowest = max(cycle["ms"] for cycle in group)
            rows.append(group[0] | {"ms": slowest, "count": len(group), "since": group[-1]["when"]})
    return rows


def dependencies(page_request: PageRequest) -> dict[str, Any]:
    """Live checks of the executor's dependencies: database, Valkey, repository, disk and online worker processes."""
    workers = _online(page_request)
    checks = [
        ("Database", True, connection.vendor, ""),
        ("Valkey", *_valkey()),
        ("Repository", *_repository(page_request)),
        ("Disk", *_disk()),
        ("Control worker", *_control(page_request, workers)),
        ("Session workers", *_sessions(workers)),
        ("Agent", *_agent(page_request)),
        ("Sandbox", *_sandbox(page_request)),
    ]
    return {"checks": [dict(zip(("name", "ok", "is_", "next"), check, strict=True)) for check in checks], "online": workers}


def history(page_request: PageRequest) -> dict[str, Any]:
    rows = Event.objects.filter(workspace=page_request.workspace, verb__startswith="executor.").order_by("-id")
    return {"history": [fragments.event_row(event) for event in fragments.with_entries(rows)[:MAX_HISTORY]]}


def _online(page_request: PageRequest) -> list[Worker]:
    """The worker processes seen within a lease, cached for both regions that show them."""
    if "online" not in page_request.memo:
        seen = Worker.objects.filter(seen_at__gt=now() - timedelta(seconds=settings.LEASE_S))
        page_request.memo["online"] = list(seen.order_by("queue", "host", "pid"))
    workers: list[Worker] = page_request.memo["online"]
    return workers


def _slots(workers: list[Worker]) -> int:
    """The slots of the hosts that take sessions, seen within half a lease, as the plan counts them (snapshot.py)."""
    fresh = now() - timedelta(seconds=settings.LEASE_S / 2)
    able = (worker for worker in workers if worker.queue == "sessions" and worker.version in release.COMPATIBLE)
    return sum(worker.slots for worker in able if worker.seen_at > fresh and not worker.drain_by)


def _valkey() -> tuple[bool, str, str]:
    ok = executor_stats.ticks() is not None
    return ok, "answers" if ok else "unreachable", "" if ok else "Work continues with each tick, with a delay"


def _repository(page_request: PageRequest) -> tuple[bool, str, str]:
    executor = page_request.executor
    if executor.repository_code:
        return False, executor.repository_code.replace("_", " "), executor.repository_message
    ok = Path(page_request.workspace.repo).is_dir()
    return (
        ok,
        "there" if ok else "not found from this server",
        "" if ok else "Sessions on hosts without it fail to start",
    )


def _disk() -> tuple[bool, str, str]:
    usage = shutil.disk_usage(settings.DATA_DIR)
    ok = usage.free > MIN_FREE_BYTES
    return ok, f"{usage.free / 2**30:.1f} GiB free", "" if ok else "Worktrees and logs may not fit: free some space"


def _control(page_request: PageRequest, workers: list[Worker]) -> tuple[bool, str, str]:
    late = is_late(page_request.ticked_at)
    online = sum(1 for worker in workers if worker.queue == "control")
    return not late, f"{online} online" if not late else "no tick", "Start one: ./muster worker --queue control" if late else ""


def _sessions(workers: list[Worker]) -> tuple[bool, str, str]:
    slots = _slots(workers)
    problems = ((worker.host, worker.trouble) for worker in workers if worker.queue == "sessions")
    what = next((f"{host}: {problem}" for host, problem in problems if problem), "Start one: ./muster worker")
    return slots > 0, f"{slots} slots", "" if slots else f"Nothing can start. {what}"


def _agent(page_request: PageRequest) -> tuple[bool, str, str]:
    standstill = page_request.agents.standstill
    if standstill:
        return False, standstill.code, standstill.message
    available = (
        ", ".join(state.name for state in page_request.agents.available) if page_request.agents.unavailable else "available"
    )
    return True, available, " ".join(f"{state.name} {state.predicate}." for state in page_request.agents.unavailable)


def _sandbox(page_request: PageRequest) -> tuple[bool, str, str]:
    confined, sentence = queries.sandbox_in_force(configuration.load(page_request.executor.config))
    return confined, "in force" if confined else "not everywhere", sentence


REGIONS = HEADER | {
    "controls": Region("executor/executor.html#controls", controls),
    "waiting": Region("executor/executor.html#waiting", waiting),
    "ticks": Region("executor/executor.html#ticks", ticks),
    "depends": Region("executor/executor.html#depends", dependencies),
    "history": Region("executor/executor.html#history", history),
}
