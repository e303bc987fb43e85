"""Sixteen threads and two processes on one project's money: no admission passes a cap, and every counter equals
its rows. The processes are killed in the middle of their actions, again and again.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Greatest

from budget import ledger
from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, Hold, LedgerEntry, Project, RoundSpend
from orchestration.backlog.entries import Draft
from tests.factories import ANA, a_workspace, project, some_entries
from tests.races.crowd import at_once
from tests.sampling import seeds
from workspaces.access import Caller
from workspaces.values import ids

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16
STEPS = 12
PROCESSES = 2
LIVES = 4
SEEDS = seeds(6)  # more: MUSTER_TEST_SEEDS=60


class Teller:
    """One thread's random actions on the project, by a seeded generator. Notes a reservation admitted past a cap."""

    def __init__(self, workspace_id: str, entry_ids: list[str], seed: int) -> None:
        self.workspace_id, self.entry_ids, self.dice = workspace_id, entry_ids, random.Random(seed)
        self.by = ANA
        self.overruns: list[tuple[int, int]] = []
        self.admitted = self.refused = 0

    def work(self) -> "Teller":
        steps: list[Callable[[], Any]] = [
            self.admit,
            self.admit,
            self.charge,
            self.charge,
            self.settle,
            self.move_cap,
            self.move_budget,
        ]
        for _ in range(STEPS):
            self.dice.choice(steps)()
        return self

    def admit(self) -> None:
        """The trigger locks the project's row until the commit, so this reads the same values as the decision."""
        account_id, amount = self.dice.choice(self.entry_ids), usd(self.dice.choice(["0.5", "1", "3"]))
        try:
            with transaction.atomic():
                Hold.objects.create(project_id=self.workspace_id, account_id=account_id, session_ref=ids.session(), amount=amount)
                row, account = Project.objects.get(pk=self.workspace_id), Account.objects.get(pk=account_id)
                if row.total_spent + row.held > row.max_project_spend or account.spent + account.held > account.budget:
                    self.overruns.append((row.headroom, account.headroom))
                self.admitted += 1
        except IntegrityError:  # a cap, a budget, or the account's one open reservation
            self.refused += 1

    def charge(self) -> None:
        reservation = self._an_open_hold()
        amount = usd(self.dice.choice(["0.1", "0.333333", "2"]))
        charge = ledger.Charge(f"{self.dice.randrange(60)}", amount, LedgerEntry.PriceSource.REPORTED)
        if reservation:
            ledger.charge(
                reservation.project, charge, account=reservation.account, reservation=reservation, round_number=1, actor="agent"
            )

    def settle(self) -> None:
        if reservation := self._an_open_hold():
            unknown = self.dice.random() < 0.3
            ledger.settle(reservation.pk, remainder_key=f"{reservation.pk}:unknown" if unknown else "", round_number=2)

    def move_cap(self) -> None:
        caps.set_project(project_row(self.workspace_id), "max_project_spend", usd(self.dice.randrange(0, 25)), by=self.by)

    def move_budget(self) -> None:
        caps.edit(Account.objects.get(pk=self.dice.choice(self.entry_ids)), usd(self.dice.randrange(0, 8)), by=self.by)

    def _an_open_hold(self) -> Hold | None:
        holds = list(Hold.objects.filter(project_id=self.workspace_id, state="open").select_related("project", "account"))
        return self.dice.choice(holds) if holds else None


def die_again_and_again(teller: Teller) -> None:
    """Fork a process that acts for some milliseconds and kill it; repeat."""
    teller.by = Caller("victim")
    for _ in range(LIVES):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                project_row(teller.workspace_id)
                os.write(write_end, b"at work")
                while True:
                    with suppress(Exception):  # a deadlock here is fine: the process is killed anyway
                        teller.work()
            finally:
                os._exit(1)
        os.close(write_end)
        os.read(read_end, 1)
        os.close(read_end)
        time.sleep(teller.dice.uniform(0, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        teller.dice.random()  # vary the next process


def project_row(workspace_id: str) -> Project:
    return Project.objects.get(pk=workspace_id)


def faults(workspace_id: str) -> list[str]:
    """The identities that are violated, read in one snapshot; they must be empty at every commit."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        row = project_row(workspace_id)
        booked = LedgerEntry.objects.filter(project_id=workspace_id)
        remainder = Greatest(F("amount") - F("drawn"), 0)
        reserved = Hold.objects.filter(project_id=workspace_id, state="open").aggregate(sum=Sum(remainder))["sum"] or 0
        identities = {
            "spent is the ledger": row.total_spent == (booked.aggregate(sum=Sum("amount"))["sum"] or 0),
            "held is the open holds": row.held == reserved,
            "holds are drawn by their rows": all(
                reservation.drawn == (booked.filter(hold=reservation).aggregate(sum=Sum("amount"))["sum"] or 0)
                for reservation in Hold.objects.filter(project_id=workspace_id)
            ),
        }
        for account in Account.objects.filter(project_id=workspace_id):
            mine = booked.filter(account=account, category="entry").aggregate(sum=Sum("amount"))["sum"] or 0
            round_costs = RoundSpend.objects.filter(account=account).aggregate(sum=Sum("cost"))["sum"] or 0
            account_reserved = Hold.objects.filter(account=account, state="open").aggregate(sum=Sum(remainder))["sum"] or 0
            identities[f"{account.pk}: spent is ledger is rounds"] = account.spent == mine == round_costs
            identities[f"{account.pk}: held is its hold"] = account.held == account_reserved
    return [name for name, true in identities.items() if not true]


def _killed_meanwhile(victims: list[Teller]) -> int:
    """Fork before any thread starts, because a fork among threads may inherit a locked lock. Returns the process id."""
    parent = os.fork()
    if parent:
        return parent
    code = 1
    try:
        children = []
        for victim in victims:
            child = os.fork()
            if child == 0:
                die_again_and_again(victim)
                os._exit(0)
            children.append(child)
        code = max(os.waitpid(child, 0)[1] for child in children)
    finally:
        os._exit(code)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_admission_passes_a_cap_and_the_books_agree_all_along(seed: int) -> None:
    workspace = a_workspace(cap="12")
    entry_ids = [entry.pk for entry in some_entries(workspace, *(f"do {n}" for n in range(8)))]
    Account.objects.filter(pk__in=entry_ids).update(budget=usd(5))
    tellers = [Teller(workspace.pk, entry_ids, seed * 1000 + n) for n in range(THREADS)]
    over, samples = threading.Event(), []
    connections.close_all()  # a forked process would share an inherited connection
    killed = _killed_meanwhile([Teller(workspace.pk, entry_ids, seed * 1000 + 900 + n) for n in range(PROCESSES)])

    def auditor() -> None:
        while not over.wait(0.02):
            samples.append(faults(workspace.pk))

    def run_tellers() -> list[Teller]:
        try:
            return at_once([teller.work for teller in tellers])
        finally:
            over.set()

    at_once([auditor, run_tellers])
    assert os.waitpid(killed, 0)[1] == 0
    assert [fault for teller in tellers for fault in teller.overruns] == []
    assert [sample for sample in samples if sample] == [] and samples
    assert faults(workspace.pk) == []
    assert sum(teller.admitted for teller in tellers) > 0
    assert sum(teller.refused for teller in tellers) > 0


def test_when_all_reservations_are_settled_no_money_is_reserved() -> None:
    workspace = a_workspace(cap="16")
    entries = some_entries(workspace, *(Draft(f"do {n}", budget=usd(1)) for n in range(THREADS)))
    holds = [
        Hold.objects.create(project=project(workspace), account=entry.account, session_ref=ids.session(), amount=usd(1))
        for entry in entries
    ]
    first = at_once([lambda reservation=reservation: ledger.settle(reservation.pk) for reservation in [*holds, *holds]])
    assert sum(first) == len(holds)  # each settled by exactly one of two calls
    assert project(workspace).held == 0
    assert not Hold.objects.filter(Q(state="open")).exists()


def test_of_twenty_requests_for_the_last_dollar_one_succeeds() -> None:
    workspace = a_workspace(cap="1")
    entries = some_entries(workspace, *(f"do {n}" for n in range(20)))

    def take(account_id: str) -> bool:
        try:
            with transaction.atomic():
                Hold.objects.create(project_id=workspace.pk, account_id=account_id, session_ref=ids.session(), amount=usd(1))
        except IntegrityError:
            return False
        return True

    assert sum(at_once([lambda id_=entry.pk: take(id_) for entry in entries])) == 1
    assert project(workspace).held == usd(1)
