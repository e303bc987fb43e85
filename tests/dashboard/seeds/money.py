"""A workspace in which a day of money was spent: all categories, sub-cent costs, rounds with scores, budgets used up and locked."""

import itertools
import random
from datetime import timedelta

from django.utils.timezone import now

from budget import amounts
from budget.forecast import record as forecasts
from budget.limits import caps
from budget.models import Account, Category, Hold, LedgerEntry, Project, RoundSpend
from orchestration.backlog import entries
from orchestration.executor import control, dispatch
from orchestration.models import Entry, Round, Session
from tests.dashboard.seeds import entries as seed
from tests.factories import CLOSED
from workspaces.access import Caller
from workspaces.models import Workspace

BEA = Caller("bea", user=object())
_keys = itertools.count()
# What the rounds of an entry cost, and the score that each reached (None: no verdict).
ROUNDS: dict[int, list[tuple[str, float | None]]] = {
    1: [("1.31", 0.4), ("0.9874", 1.0)],
    2: [("2.1", 0.2), ("1.84", 0.35), ("2.4", 0.3), ("1.1", 0.62), ("0.93", 0.64)],
    3: [("3.2", 0.1), ("2.9", None), ("3.3", 0.1)],
    4: [("0.61", 1.0)],
    5: [("1.7", 0.55), ("1.2", 0.8)],
    6: [("0.0032", 0.1)],
    9: [("0.42", 0.3), ("0.38", 1.0)],
}


def a_day(name: str = "Invoices", *, cap: str = "60", budget: str = "75", times: int = 2) -> Workspace:
    """Twelve entries, a day old, three of them at work. `times`: how often each of four had a session; three make a forecast."""
    dice = random.Random(7)
    workspace = seed.empty(name, cap="50", budget=budget)
    Workspace.objects.filter(pk=workspace.pk).update(created_at=now() - timedelta(hours=23))
    drafts = [seed._draft(n, *task) for n, task in enumerate(seed.TASKS)]
    created = entries.add(workspace.pk, drafts, by=seed.ANA)
    by_seq = {entry.seq: entry for entry in created}
    for seq, entry in by_seq.items():
        Account.objects.filter(pk=entry.pk).update(budget=amounts.usd(["6", "10", "8", "2.5", "4"][seq % 5]))
    for seq, rounds in ROUNDS.items():
        _rounds(workspace, by_seq[seq], rounds, dice)
    _sessions(workspace, [by_seq[2], by_seq[3], by_seq[5], by_seq[9]] * times)
    for n in range(30):
        book(workspace, None, f"{0.04 + 0.01 * (n % 7):.2f}", Category.ORCHESTRATOR, hours=22 - n * 0.7)
    for n in range(6):
        book(workspace, None, "0.31", Category.EXPANSION, hours=18 - n * 2)
    for n in range(12):
        book(workspace, by_seq[2], "0.0032" if n % 3 else "0.22", Category.INTERCEPTOR, hours=12 - n)
    caps.edit(_account(by_seq[3]), amounts.usd("8"), by=BEA, reason="agreed in review 14")
    caps.edit(_account(by_seq[11]), amounts.usd("0.5"), by=seed.ANA, reason="only a small change")
    Account.objects.filter(pk=by_seq[12].pk).update(budget=0)
    caps.set_project(Project.objects.get(pk=workspace.pk), "max_project_spend", amounts.usd(cap), by=BEA, reason="for this week")
    Entry.objects.filter(pk=by_seq[3].pk).update(
        status="failed", reason_code="rounds_exhausted", reason_message="All rounds are used up"
    )
    Entry.objects.filter(pk__in=[by_seq[n].pk for n in (1, 4, 9)]).update(**CLOSED)
    seed.worker()
    control.start(workspace.pk, by=seed.ANA)
    dispatch.cycle(workspace.pk)
    for n, session in enumerate(Session.objects.filter(workspace=workspace, status=Session.Status.CLAIMED).order_by("id")):
        seed.run(session, cost=["0.74", "0.052", "1.2"][n % 3], score=None)
    forecasts.refresh(workspace.pk)
    return workspace


def book(
    workspace: Workspace, entry: Entry | None, cost: str, category: Category, *, hours: float, round: int | None = None
) -> LedgerEntry:
    """A row of some hours ago. The ledger is insert-only, so its time is given at once."""
    amount = amounts.usd(cost)
    computed = round == 3 or (entry is None and next(_keys) % 3 == 0)
    return LedgerEntry.objects.create(
        project_id=workspace.pk,
        account_id=entry.pk if entry else None,
        event_key=f"money:{workspace.pk}:{next(_keys)}",
        at=now() - timedelta(hours=hours),
        category=category,
        round=round,
        amount=amount,
        price_source=LedgerEntry.PriceSource.COMPUTED if computed else LedgerEntry.PriceSource.REPORTED,
        reported=None if computed else amount,
        computed=amount if computed else None,
        price_version="genai-prices" if computed else "",
        model="priced-model",
        input_tokens=1200 + next(_keys),
        output_tokens=310,
        cache_read_tokens=8000 if entry else 0,
        actor="muster",
    )


def _rounds(workspace: Workspace, entry: Entry, rounds: list[tuple[str, float | None]], dice: random.Random) -> None:
    best, hours = 0.0, 21.0 - entry.seq
    for number, (cost, score) in enumerate(rounds, 1):
        session = Session.objects.create(
            workspace=workspace, entry=entry, attempt=number, status="ended", outcome="failed", ended_at=now()
        )
        for part in range(4):
            share = amounts.usd(cost) // 4 if part else amounts.usd(cost) - 3 * (amounts.usd(cost) // 4)
            ago = max(hours - 0.2 * part, 0.1)
            book(workspace, entry, str(share / 1e6), Category.ENTRY, hours=ago, round=number)
        gain = None if score is None else score - best
        RoundSpend.objects.filter(account_id=entry.pk, number=number).update(improvement_score=gain)
        best = max(best, score or 0.0)
        verdict = "unverified" if score is None else "passed" if score == 1 else "failed"
        times = {"started_at": now() - timedelta(hours=hours), "ended_at": now() - timedelta(hours=max(hours - 0.9, 0))}
        Round.objects.create(
            entry=entry,
            session=session,
            number=number,
            verdict=verdict,
            score=score,
            improvement_score=gain,
            summary="Rewrote it.",
            **times,
        )
        hours = max(hours - dice.uniform(2, 4), 0.5)
    Entry.objects.filter(pk=entry.pk).update(
        rounds_completed=len(rounds), score=best or None, attempts=len(rounds), has_rounds=True
    )


def _sessions(workspace: Workspace, worked: list[Entry]) -> None:
    """Settled holds of the last hours, from which the forecast is made."""
    earlier = (len(worked) - 8) * 0.45
    for n, entry in enumerate(worked):
        opened, settled = 4 + earlier - n * 0.45, 3.3 + earlier - n * 0.4
        times = {"opened_at": now() - timedelta(hours=opened), "settled_at": now() - timedelta(hours=settled)}
        Hold.objects.create(
            project_id=workspace.pk,
            account_id=entry.pk,
            session_ref=f"sess_past_{n}_{workspace.pk}"[:40],
            amount=amounts.usd("3"),
            drawn=amounts.usd(["1.4", "2.2", "0.9", "1.8"][n % 4]),
            state=Hold.State.SETTLED,
            **times,
        )


def _account(entry: Entry) -> Account:
    return Account.objects.get(pk=entry.pk)
