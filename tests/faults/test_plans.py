"""Recorded reports of the windows of subscriptions, through real session workers: nothing starts from the stop to the reset, no request is refused, nothing is booked."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.faults import plans
from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.plans import Plan, Plans
from tests.faults.shop import Shop
from tests.faults.test_kills import QUICK

ENTRIES = 4
DAYS = 24 * 60
STOPS = {
    "claude-5h": ("pct_5h", Plan(plans.in_all_windows("five_hour"))),
    "claude-7d": ("pct_7d", Plan(plans.in_all_windows("seven_day"))),
    "claude-warning": ("pct_5h", Plan(plans.in_a_warning)),
    "codex-5h": ("pct_5h", Plan(plans.of_codex(300, "primary"))),
    "codex-week": ("pct_7d", Plan(plans.of_codex(7 * DAYS, "primary"))),
    "codex-month": ("pct_30d", Plan(plans.of_codex(30 * DAYS, "secondary"))),
}
UNKNOWN = "claude-unknown"


def test_windows_stop_dispatch_before_a_refusal_and_their_resets_resume_it(start: Callable[..., Running], tmp_path: Path) -> None:
    _programs(tmp_path / "bin")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    up = start(**QUICK, MUSTER_REPO_ROOTS=str(tmp_path), PATH=path)
    unknown = Plan(plans.without_shares)
    provider = Plans({name: plan for name, (_, plan) in STOPS.items()} | {UNKNOWN: unknown})
    try:
        shops = {name: _shop(Client(up), tmp_path / name, provider, name) for name in (*STOPS, UNKNOWN)}
        until(lambda: all(_is_done(shop) for shop in shops.values()), 60, every=0.5)
    finally:
        provider.close()
    for name, (window, plan) in STOPS.items():
        _check(up, shops[name], window, plan)
    assert unknown.refusals > 0 and len(unknown.answered) == ENTRIES
    print(
        f"{sum(len(plan.answered) for _, plan in STOPS.values())} requests, 0 refused; without a report {unknown.refusals} refused"
    )


def _check(up: Running, shop: Shop, window: str, plan: Plan) -> None:
    assert plan.refusals == 0 and len(plan.answered) == ENTRIES
    before = [at for at in plan.answered if at < plan.reset_at]
    assert len(before) == 2, "0.6 of it is used, then 0.8, where it stops"
    [reached] = _rows(up, "SELECT data FROM workspaces_event WHERE verb = 'agent.window_reached' AND workspace_id = ?", shop)
    assert '"used": 80' in reached[0] and "window" in reached[0]
    claimed = "SELECT (julianday(claimed_at) - 2440587.5) * 86400.0 FROM orchestration_session WHERE workspace_id = ?"
    claims = sorted(at for (at,) in _rows(up, claimed, shop))
    assert [at for at in claims if before[-1] < at < plan.reset_at - 0.01] == [], window
    amounts = "SELECT amount, coalesce(reported, computed) FROM budget_ledgerentry WHERE project_id = ?"
    rows = _rows(up, amounts, shop)
    assert len(rows) == ENTRIES and all(amount == 0 and price > 0 for amount, price in rows)
    assert shop.call("GET", "/budget")["global"]["total_spent_usd"] == 0


def _programs(folder: Path) -> None:
    folder.mkdir()
    for name in ("claude", "codex"):
        (folder / name).symlink_to(ROOT / "tests/faults/plan_cli.py")


def _shop(client: Client, folder: Path, provider: Plans, name: str) -> Shop:
    folder.mkdir()
    kind, model = ("codex", "gpt-5") if name.startswith("codex") else ("claude_code", "claude-sonnet-4-5")
    agent = {"kind": kind, "model": model, "env": {"PLAN_ADDRESS": f"{provider.address}/{name}"}}
    verify = [{"name": "file", "run": "test -f work-$MUSTER_ENTRY_ID.txt"}]
    shop = Shop(client, folder, agent=agent, verify=verify, max_workers=1)
    window = STOPS.get(name, ("pct_5h", None))[0]
    shop.call("PUT", "/credentials/team", {"key": "a-secret-key", "billing": "plan", "stop_at": {window: 80}})
    shop.call("PATCH", "/config", {"agent": {"credential": "team"}})
    for n in range(ENTRIES):
        shop.add(f"entry {n}")
    return shop


def _is_done(shop: Shop) -> bool:
    return all(entry["status"] == "done" for entry in shop.call("GET", "/todo")["entries"])


def _rows(up: Running, sql: str, shop: Shop) -> list[Any]:
    with closing(sqlite3.connect(f"file:{up.data / 'muster.sqlite3'}?mode=ro", uri=True, timeout=20)) as database:
        return database.execute(sql, [shop.path.split("/")[2]]).fetchall()
