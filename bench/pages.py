"""P11: every page and every read of the API at three sizes of the backlog, in this process, with a history that grows with it: at 10^5
entries, 10^6 rows of the ledger."""

import gc
import time

import psutil
from django.contrib.auth.models import User
from django.test import Client

from bench.backlogs import a_worker, a_workspace, fill, sql
from budget.forecast import record
from config.http import static_files
from orchestration.models import Entry, Session
from workspaces.models import Workspace

SIZES = (1_000, 10_000, 100_000)
CHARGES = 25
"""Of each session."""
TIMES = 5
PAGES = (
    "",
    "backlog/",
    "backlog/?view=graph",
    "backlog/?status=open&sort=-spent",
    "backlog/?q=do",
    "backlog/{entry}/",
    "backlog/{entry}/?tab=deps",
    "backlog/{entry}/?tab=budget",
    "sessions/",
    "sessions/{session}/",
    "backlog/locks/",
    "money/",
    "money/entries/",
    "money/ledger/",
    "money/rounds/",
    "money/changes/",
    "money/reviews/",
    "money/insight/",
    "money/insight/?by=day&range=7d",
    "settings/executor/",
    "settings/activity/",
    "settings/",
    "settings/agents/",
    "settings/notices/",
)
CALLS = (
    "executor/status",
    "executor/workers",
    "executor/locks",
    "executor/explain",
    "executor/agent",
    "executor/sessions/{session}",
    "todo",
    "todo/entries/{entry}",
    "todo/entries/{entry}/rounds",
    "todo/events?after=0",
    "budget",
    "budget/limits",
    "budget/ledger",
    "budget/holds",
    "budget/changes",
    "budget/forecast",
    "budget/reviews",
)
WORKED = "FROM orchestration_entry e WHERE e.workspace_id = %s AND e.seq %% 5 IN (0, 1)"
WITH_RESERVATION = WORKED.replace("WHERE", "JOIN budget_hold h ON h.account_id = e.id WHERE")


def main() -> None:
    static_files.collect()
    a_worker()
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.create(username="bench", is_superuser=True, is_staff=True))
    shops = [_busy(size) for size in SIZES]
    sql("VACUUM ANALYZE")
    began = time.perf_counter()
    for shop in shops:
        record.refresh(shop.pk)
        began, before = time.perf_counter(), began
        print(f"    forecast computed in the control worker: {(began - before) * 1000:.0f} ms")
    paths, slow = (*(f"/w/{{workspace}}/{page}" for page in PAGES), *(f"{_API}{call}" for call in CALLS)), 0
    for path in paths:  # templates and code are loaded once, whatever the size
        _milliseconds(client, shops[0], path)
    memory = psutil.Process().memory_info().rss
    print(f"P11 {'':44}" + "".join(f"{size:>10,}" for size in SIZES) + "    goal <= 300 ms, <= 2x")
    for path in paths:
        spent = [_milliseconds(client, shop, path) for shop in shops]
        missed = spent[-1] > 300 or spent[-1] > 2 * spent[0] + 5
        slow += missed
        shown = path.replace(_API, ".../").replace("/w/{workspace}/", "page ")
        print(f"    {shown:44}" + "".join(f"{ms:10.1f}" for ms in spent) + f"  {spent[-1] / spent[0]:5.1f}x{' MISSED' * missed}")
    gc.collect()
    print(
        f"    {slow} missed; memory beyond the smallest: {(psutil.Process().memory_info().rss - memory) / 2**20:+.0f} MB (goal <= 50)"
    )


_API = "/api/v1/workspaces/{workspace}/orchestration/"


def _milliseconds(client: Client, shop: Workspace, path: str) -> float:
    entry = Entry.objects.filter(workspace=shop, has_rounds=True).order_by("seq").values_list("pk", flat=True)[0]
    session = Session.objects.filter(workspace=shop).order_by("pk").values_list("pk", flat=True)[0]
    url, took = path.format(workspace=shop.pk, entry=entry, session=session), []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        answer = client.get(url)
        assert answer.status_code == 200, (url, answer.status_code)
        took.append((time.perf_counter() - began) * 1000)
    return min(took[1:])


def _busy(size: int) -> Workspace:
    """Of each ten entries: two done, one blocked, one failed, six pending; four of them with a round, its session, its reservation and
    its charges. Triggers are off meanwhile, and the counters are set as they would."""
    shop = a_workspace(max_workers=4)
    for status, share in (("done", 0.2), ("blocked", 0.1), ("failed", 0.1), ("pending", 0.6)):
        fill(shop, int(size * share), status=status)
    sql("SET session_replication_role = replica")
    _insert_history(shop)
    sql("SET session_replication_role = DEFAULT")
    _set_counters(shop)
    return shop


def _insert_history(shop: Workspace) -> None:
    tag = shop.pk[-6:]
    at = "now() - e.seq %% 1000 * interval '1 minute'"
    sql(
        f"""INSERT INTO budget_hold (project_id, account_id, session_ref, amount, drawn, state, opened_at, settled_at, category)
        SELECT e.workspace_id, e.id, 'sess_{tag}' || lpad(e.seq::text, 12, '0'), 500000, 100000 + e.seq %% 7 * 25000, 'settled',
        {at} - interval '5 minutes', {at}, 'entry' {WORKED}""",
        shop.pk,
    )
    sql(
        f"""INSERT INTO orchestration_session (id, workspace_id, entry_id, attempt, work, status, outcome, round_number, hold_id,
            claimed_at, started_at, ended_at, agent, model)
        SELECT h.session_ref, e.workspace_id, e.id, 1, 'implement', 'ended', CASE WHEN e.status = 'done' THEN 'passed' ELSE 'failed' END,
            1, h.id, h.opened_at, h.opened_at, h.settled_at, 'codex', 'model-' || e.seq %% 7
        {WITH_RESERVATION}""",
        shop.pk,
    )
    sql(
        f"""INSERT INTO orchestration_round (entry_id, session_id, number, verdict, score, summary, findings, checks, prompt, review,
            base_commit, commit, diffstat, started_at, ended_at)
        SELECT e.id, h.session_ref, 1, CASE WHEN e.status = 'done' THEN 'passed' ELSE 'failed' END, 0.3, '', '[]', '[]', '', '{{}}',
            '', '', '{{}}', h.opened_at, h.settled_at
        {WITH_RESERVATION}""",
        shop.pk,
    )
    sql(
        f"""INSERT INTO budget_ledgerentry (project_id, account_id, hold_id, event_key, at, category, session_ref, round, amount,
            price_source, price_version, model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, actor, reason)
        SELECT e.workspace_id, e.id, h.id, h.session_ref || ':' || n, h.settled_at - n * interval '2 seconds', 'entry', h.session_ref, 1,
            h.drawn / %s, 'reported', '', '', 0, 0, 0, 0, 'agent', ''
        {WITH_RESERVATION.replace("WHERE", "CROSS JOIN generate_series(1, %s) n WHERE")}""",
        CHARGES,
        CHARGES,
        shop.pk,
    )
    sql(
        f"""INSERT INTO budget_roundspend (account_id, number, cost, improvement_score)
        SELECT e.id, 1, h.drawn, 0.3 {WITH_RESERVATION}""",
        shop.pk,
    )
    sql(
        f"""INSERT INTO workspaces_event (workspace_id, at, actor, actor_kind, verb, object_id, data, reason, request_id)
        SELECT e.workspace_id, now(), 'muster', 'automation', 'session.passed', e.id, '{{}}', '', '' {WORKED}""",
        shop.pk,
    )


def _set_counters(shop: Workspace) -> None:
    sql(
        "UPDATE budget_account a SET spent = r.cost FROM budget_roundspend r WHERE r.account_id = a.id AND a.project_id = %s",
        shop.pk,
    )
    sql(
        """UPDATE budget_project p SET entry_spent = (SELECT sum(spent) FROM budget_account a WHERE a.project_id = p.workspace_id)
        WHERE workspace_id = %s""",
        shop.pk,
    )
    sql(
        f"UPDATE orchestration_entry e SET has_rounds = true, rounds_completed = 1, attempts = 1 {WORKED.removeprefix('FROM orchestration_entry e')}",
        shop.pk,
    )
