"""Sixteen threads against the day's limits: new and growing reservations, permits and charges. No admission ever passes a limit."""

import random
import threading
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from budget import ledger, limits
from budget.amounts import usd
from budget.ledger import charges, permits, rebuild
from budget.ledger.prices import Tokens
from budget.limits import caps
from budget.models import Account, Category, DaySpend, Hold, LedgerEntry, Limit, Project, ThresholdCrossing
from tests.factories import ANA, a_workspace, project, some_entries
from tests.races.crowd import at_once
from tests.sampling import seeds
from workspaces.errors import Invalid
from workspaces.models import Event
from workspaces.values import ids

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16
STEPS = 10
SEEDS = seeds(4)  # more: MUSTER_TEST_SEEDS=100


class Teller:
    """One thread's random actions, by a seeded generator. Each admission checks the limits before its commit unlocks the project."""

    def __init__(self, workspace_id: str, entry_ids: list[str], seed: int) -> None:
        self.workspace_id, self.entry_ids, self.dice = workspace_id, entry_ids, random.Random(seed)
        self.overruns: list[tuple[str, int]] = []
        self.admitted = self.refused = 0

    def work(self) -> "Teller":
        steps: list[Any] = [
            self.admit,
            self.admit,
            self.grow,
            self.permit,
            self.permit,
            self.charge,
            self.settle,
            self.move_limit,
        ]
        for _ in range(STEPS):
            self.dice.choice(steps)()
        return self

    def admit(self) -> None:
        reservation = {"account_id": self.dice.choice(self.entry_ids), "session_ref": ids.session(), "amount": self.amount()}
        self.admitting("entry", lambda: Hold.objects.create(project_id=self.workspace_id, **reservation))

    def grow(self) -> None:
        if reservation := self.an_open_hold():
            by = self.amount()
            self.admitting(reservation.category, lambda: self.grown(reservation, by))

    def grown(self, reservation: Hold, by: int) -> None:
        if not ledger.grow(reservation, by):
            raise IntegrityError("refused")

    def permit(self) -> None:
        category = self.dice.choice([Category.ORCHESTRATOR, Category.EXPANSION])
        row, amount = Project.objects.get(pk=self.workspace_id), self.amount()
        self.admitting(category, lambda: permits.open_permit(row, None, category=category, amount=amount, by=ANA))

    def admitting(self, category: str, act: Any) -> None:
        try:
            with transaction.atomic():
                act()
                for limit in limits.statuses(self.workspace_id):  # this transaction locks the project's row
                    if limit.category in (category, "total") and limit.left is not None and limit.left < 0:
                        self.overruns.append((f"{limit.category} {limit.period}", limit.left))
                self.admitted += 1
        except (IntegrityError, Invalid):
            self.refused += 1

    def charge(self) -> None:
        """Charge within the reservation, as a correct session or planner does."""
        if reservation := self.an_open_hold():
            amount = min(reservation.remainder, usd("0.2"))
            if amount <= 0:
                return
            if reservation.expires_at is None:
                charge = ledger.Charge(ids.session(), amount, LedgerEntry.PriceSource.REPORTED)
                ledger.charge(
                    reservation.project,
                    charge,
                    account=reservation.account,
                    reservation=reservation,
                    round_number=1,
                    actor="agent",
                )
            else:
                report = charges.Report(Category(reservation.category), amount, Tokens(""))
                charges.book(reservation.project, None, report, actor="planner", key=None, permit=reservation)

    def settle(self) -> None:
        if reservation := self.an_open_hold():
            if reservation.expires_at is None:
                ledger.settle(reservation.pk)
            else:
                permits.close(reservation, by=ANA)

    def move_limit(self) -> None:
        """Up only: a limit lowered below the reserved amount is passed at once without any admission."""
        category = self.dice.choice(["total", "entry", "orchestrator"])
        row = Limit.objects.get(project_id=self.workspace_id, category=category, period="day")
        if self.dice.random() < 0.2:
            caps.set_limit(project_row(self.workspace_id), category, "day", row.amount + usd("0.25"), by=ANA)

    def amount(self) -> int:
        return usd(self.dice.choice(["0.3", "0.7", "1"]))

    def an_open_hold(self) -> Hold | None:
        holds = list(Hold.objects.filter(project_id=self.workspace_id, state="open").select_related("project", "account"))
        return self.dice.choice(holds) if holds else None


def project_row(workspace_id: str) -> Project:
    return Project.objects.get(pk=workspace_id)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_admission_passes_a_days_limit(seed: int) -> None:
    workspace = a_workspace(cap="100")
    entry_ids = [entry.pk for entry in some_entries(workspace, *(f"do {n}" for n in range(8)))]
    Account.objects.filter(pk__in=entry_ids).update(budget=usd(50))
    for category, amount in (("total", "5"), ("entry", "3.5"), ("orchestrator", "1.5"), ("expansion", "2")):
        caps.set_limit(project(workspace), category, "day", usd(amount), by=ANA)
    tellers = [Teller(workspace.pk, entry_ids, seed * 1000 + n) for n in range(THREADS)]
    over, drift = threading.Event(), []

    def auditor() -> None:
        while not over.wait(0.05):
            drift.append(rebuild.find(workspace.pk))

    def run_tellers() -> None:
        try:
            at_once([teller.work for teller in tellers])
        finally:
            over.set()

    at_once([auditor, run_tellers])
    assert [overrun for teller in tellers for overrun in teller.overruns] == []
    assert [drifts for drifts in drift if drifts] == [] and drift and rebuild.find(workspace.pk) == []
    assert sum(teller.admitted for teller in tellers) > 0 and sum(teller.refused for teller in tellers) > 0
    days = DaySpend.objects.aggregate(sum=Sum("amount"))["sum"] or 0
    assert days == project(workspace).total_spent <= usd(100)


def test_of_twenty_requests_for_the_days_last_dollar_one_succeeds() -> None:
    workspace = a_workspace(cap="100")
    caps.set_limit(project(workspace), "total", "day", usd(1), by=ANA)
    row = project(workspace)

    def ask() -> bool:
        try:
            permits.open_permit(row, None, category=Category.EXPANSION, amount=usd(1), by=ANA)
        except Invalid:
            return False
        return True

    assert sum(at_once([ask] * 20)) == 1 and project(workspace).held == usd(1)


def test_a_threshold_that_many_cross_at_once_fires_once() -> None:
    workspace = a_workspace(cap="10")
    row = project(workspace)

    def spend() -> None:
        report = charges.Report(Category.ORCHESTRATOR, usd("0.75"), Tokens(""))
        charges.book(row, None, report, actor="planner", key=None)

    at_once([spend] * 12)  # $9
    assert sorted(ThresholdCrossing.objects.values_list("percent", flat=True)) == [50, 75, 90]
    assert Event.objects.filter(verb="budget.threshold").count() == 3


def test_a_permit_is_closed_once_however_many_try() -> None:
    workspace = a_workspace()
    permit = permits.open_permit(project(workspace), None, category=Category.EXPANSION, amount=usd(1), by=ANA)
    freed = at_once([lambda: permits.close(permit, by=ANA)] * 8)
    assert sorted(freed) == [0] * 7 + [usd(1)] and project(workspace).held == 0
    assert Event.objects.filter(verb="permit.closed").count() == 1


def test_one_key_is_one_permit_however_many_send_it() -> None:
    workspace = a_workspace()
    row = project(workspace)
    ask = lambda: permits.open_permit(row, None, category=Category.EXPANSION, amount=usd(1), by=ANA, key="k").pk  # noqa: E731
    assert len(set(at_once([ask] * 12))) == 1 and project(workspace).held == usd(1)
