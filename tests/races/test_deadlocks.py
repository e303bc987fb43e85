"""All actions that move money at once never deadlock, and the books agree. PostgreSQL ends a deadlock with an error (deadlock_detected),
which a caller would see as 500.
"""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from budget import ledger
from budget.admin.fixes import Correct
from budget.allocation import reallocation
from budget.amounts import usd
from budget.ledger import charges, corrections, permits, rebuild
from budget.ledger.prices import Tokens
from budget.limits import bulk_edit as limits_bulk_edit
from budget.limits import caps
from budget.models import Account, Category, Hold, LedgerEntry, Project, Proposal
from budget.reviews import deciding, drafting
from orchestration import funding, sessions
from orchestration.backlog import entries
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch
from orchestration.models import Entry, Session
from orchestration.sessions import preemption, reservations
from tests.factories import ANA, a_charge, a_worker, a_workspace, project, some_entries
from tests.races.crowd import at_once
from tests.sampling import seeds
from workspaces.access import MUSTER, Caller
from workspaces.errors import Conflict, Forbidden, Invalid, NotFound
from workspaces.values import ids

pytestmark = pytest.mark.django_db(transaction=True)

BO = Caller("bo")
SEEDS = seeds(3)  # more: MUSTER_TEST_SEEDS=50
THREADS, STEPS = 14, 12
REFUSED = (IntegrityError, Invalid, NotFound, Conflict, Forbidden)


class Meddler:
    """One thread of random actions on a workspace's money, by a seeded generator."""

    def __init__(self, workspace_id: str, seed: int) -> None:
        self.workspace_id, self.dice, self.done = workspace_id, random.Random(seed), 0

    def work(self) -> "Meddler":
        acts: list[Callable[[], Any]] = [
            self.reallocate, self.fund, self.review, self.bulk_edit, self.edit, self.lock, self.cycle, self.cycle, self.end,
            self.add, self.delete, self.charge, self.charge, self.correct, self.permit, self.cap, self.limit, self.correct_drift, self.grow, self.grow_sessions,
        ]  # fmt: skip
        for _ in range(STEPS):
            with suppress(*REFUSED):
                self.dice.choice(acts)()
                self.done += 1
        return self

    def project(self) -> Project:
        return Project.objects.get(pk=self.workspace_id)

    def accounts(self, limit: int = 1) -> list[Account]:
        mine = list(Account.objects.filter(project_id=self.workspace_id, entry__deleted_at__isnull=True))
        return self.dice.sample(mine, min(limit, len(mine)))

    def entry(self) -> Entry:
        return self.dice.choice(list(Entry.objects.filter(workspace_id=self.workspace_id, deleted_at__isnull=True)))

    def reallocate(self) -> None:
        reallocation.run(self.workspace_id, by=MUSTER)

    def fund(self) -> None:
        funding.mark_due(self.workspace_id)
        funding.share_out(self.workspace_id)

    def review(self) -> None:
        """From draft to decision: an approval changes several accounts and the cap."""
        wishes = [
            drafting.Wish(Proposal.Field.BUDGET, account.budget + usd("0.5"), "more", account.pk, lock=self.dice.random() < 0.5)
            for account in self.accounts(4)
        ]
        wishes.append(drafting.Wish(Proposal.Field.TOTAL, usd(self.dice.randrange(20, 60)) + 1, "a plan"))
        review = drafting.create(self.workspace_id, drafting.Draft("R", date(2020, 1, 1), date(2040, 1, 1)), wishes, by=ANA)
        asked = drafting.request(review, by=ANA)
        deciding.decide(asked, deciding.Decision.Verdict.APPROVE, "well", version=asked.version, by=BO)

    def bulk_edit(self) -> None:
        wishes = [limits_bulk_edit.Wish(account.pk, account.budget) for account in self.accounts(5)]
        limits_bulk_edit.carry_out(self.project(), limits_bulk_edit.Order("percent", wishes, percent=Decimal(10)), by=ANA)

    def edit(self) -> None:
        caps.edit(self.accounts()[0], usd(self.dice.randrange(1, 6)), by=BO)

    def lock(self) -> None:
        caps.toggle_lock(self.accounts()[0], by=BO, reason="because")

    def cycle(self) -> None:
        dispatch.cycle(self.workspace_id)

    def end(self) -> None:
        running = Session.objects.filter(workspace_id=self.workspace_id, status=Session.Status.CLAIMED)
        for session in list(running.select_related("hold"))[:3]:
            if session.hold_id and self.dice.random() < 0.5:
                ledger.shrink(session.hold_id, keep=usd("0.1"))
            unknown = self.dice.random() < 0.3
            ending = sessions.Ending(Session.Outcome.STOPPED, "over", cost_unknown=unknown)
            sessions.conclude(session, ending, expected=Session.Status.CLAIMED)

    def add(self) -> None:
        entries.add(self.workspace_id, [Draft("more"), Draft("and more", budget=usd(1))], by=ANA)

    def delete(self) -> None:
        entries.delete(self.entry(), by=ANA)

    def charge(self) -> None:
        entry, category = self.entry(), self.dice.choice(list(Category))
        reservation = Hold.objects.filter(account=entry.account, state="open", expires_at__isnull=True).first()
        report = charges.Report(category, usd("0.07"), Tokens(""), round_number=self.dice.choice([None, 1, 2]))
        if reservation is None or category not in (Category.ENTRY, Category.INTERCEPTOR):
            charges.book(self.project(), entry.account, report, actor="planner", key=None)
        else:
            charge = ledger.Charge(ids.session(), report.amount or 0, LedgerEntry.PriceSource.REPORTED, category=category)
            ledger.charge(
                reservation.project, charge, account=entry.account, reservation=reservation, round_number=1, actor="agent"
            )

    def correct(self) -> None:
        rows = list(LedgerEntry.objects.filter(project_id=self.workspace_id, corrects=None).order_by("-id")[:5])
        if rows:
            corrections.correct(self.dice.choice(rows), -usd("0.01"), by=ANA, reason="less", key=ids.session())

    def permit(self) -> None:
        category = self.dice.choice([Category.ORCHESTRATOR, Category.ENTRY])
        account = self.accounts()[0] if category == Category.ENTRY else None
        permit = permits.open_permit(self.project(), account, category=category, amount=usd("0.3"), by=ANA)
        named = account or self.accounts()[0]
        charges.book(self.project(), named, charges.Report(category, usd("0.1"), Tokens("")), actor="p", key=None, permit=permit)
        permits.close(permit, by=ANA)

    def cap(self) -> None:
        field = self.dice.choice(["max_project_spend", "total_budget"])
        caps.set_project(self.project(), field, usd(self.dice.randrange(15, 60)), by=ANA)

    def limit(self) -> None:
        caps.set_limit(self.project(), self.dice.choice(["total", "entry"]), "day", usd(self.dice.randrange(3, 30)), by=ANA)

    def correct_drift(self) -> None:
        rebuild.repair(self.workspace_id, by=ANA, reason="to be sure")

    def grow(self) -> None:
        for reservation in list(Hold.objects.filter(project_id=self.workspace_id, state="open"))[:2]:
            ledger.extend(reservation.pk, usd("0.2"))

    def grow_sessions(self) -> None:
        at_work = Session.objects.filter(workspace_id=self.workspace_id, status=Session.Status.CLAIMED, hold__isnull=False)
        for session in list(at_work.select_related("entry__account", "hold"))[:2]:
            if not reservations.extend(session, usd("0.3")):
                preemption.make_room(session)


@pytest.mark.parametrize("seed", SEEDS)
def test_concurrent_random_actions_never_deadlock(seed: int) -> None:
    a_worker()
    workspace = a_workspace(cap="40", budget="40", round_ceiling_usd=2, max_workers=8)
    some_entries(workspace, *(Draft(f"do {n}", budget=usd(n % 3) or None) for n in range(12)))
    meddlers = [Meddler(workspace.pk, seed * 1000 + n) for n in range(THREADS)]
    at_once([meddler.work for meddler in meddlers])
    assert rebuild.find(workspace.pk) == []
    assert sum(meddler.done for meddler in meddlers) > THREADS * STEPS / 3


def test_a_correction_on_the_admin_site_and_a_charge_of_the_same_entry_do_not_wait_for_each_other() -> None:
    workspace = a_workspace()
    [entry] = some_entries(workspace, Draft("do it", budget=usd(5)))
    a_charge(entry, "1")
    row, locked = LedgerEntry.objects.get(), threading.Event()

    def correct() -> None:
        with transaction.atomic():
            Correct.lock(None, [row])  # type: ignore[arg-type]  # the fix itself needs an admin site
            locked.set()
            time.sleep(0.3)
            corrections.correct(row, -usd("0.5"), by=ANA, reason="less", key="k")

    at_once([correct, lambda: (locked.wait(5), a_charge(entry, "0.25"))])
    assert project(workspace).total_spent == usd("0.75") and rebuild.find(workspace.pk) == []
