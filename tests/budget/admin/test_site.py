"""Money on the admin site: caps by their verbs, corrections instead of edits, counters rebuilt from the ledger."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client

from budget.amounts import usd
from budget.ledger import rebuild
from budget.models import Account, BudgetChange, GatewayRequest, Hold, LedgerEntry, Project, RoundSpend
from orchestration.models import Session
from tests import admin_site
from tests.admin_site import BOSS, a_superuser, dry_run, message_of, seed, url
from tests.factories import ANA
from workspaces.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return a_superuser()


def correct(client: Client, row: LedgerEntry, amount: str, key: str, shown: Any = None) -> Any:
    shown = shown or dry_run(client, LedgerEntry, "correct", row.pk, amount=amount, key=key, reason="counted twice")
    return admin_site.apply(client, LedgerEntry, "correct", row.pk, shown=shown, amount=amount, key=key, reason="counted twice")


def test_a_cap_is_raised_by_its_verb_with_who_and_why(client: Client) -> None:
    workspace = seed(1, cap="10")
    form = {"max_project_spend": "12.345678", "initial-max_project_spend": "10.00", "total_budget": "100.00",
            "initial-total_budget": "100.00", "reason": "more work"}  # fmt: skip
    assert client.post(url(Project, "change", workspace.pk), form).status_code == 302
    assert Project.objects.get().max_project_spend == 12_345_678
    change = BudgetChange.objects.get(field="max_project_spend")
    assert (change.before, change.after, change.source, change.actor) == (usd(10), 12_345_678, "admin", BOSS)
    assert Event.objects.get(verb="budget.max_project_spend").reason == "more work"
    assert not BudgetChange.objects.filter(field="total_budget").exists()


@pytest.mark.parametrize("amount", ["-1", "NaN", "1e3", "1.1234567", "1,5", "", "٥", "99999999999"])
def test_what_is_not_money_is_refused(client: Client, amount: str) -> None:
    workspace = seed(1)
    form = {"max_project_spend": amount, "initial-max_project_spend": "1000.00", "total_budget": "100", "reason": "x"}
    assert client.post(url(Project, "change", workspace.pk), form).status_code == 200
    assert Project.objects.get().max_project_spend == usd(1000)


def test_counters_posted_with_a_form_are_ignored(client: Client) -> None:
    workspace = seed(1)
    form = {"max_project_spend": "1000.00", "initial-max_project_spend": "1000.00", "total_budget": "100.00",
            "initial-total_budget": "100.00", "entry_spent": "0", "held": "0", "reason": "x"}  # fmt: skip
    client.post(url(Project, "change", workspace.pk), form)
    assert Project.objects.get().entry_spent == usd("0.25")


def test_a_budget_and_its_lock_change_by_their_verbs(client: Client) -> None:
    seed(1)
    account = Account.objects.get()
    form = {"budget": "7", "initial-budget": "6.00", "initial-human_locked": "True", "reason": "agreed"}  # the box is unchecked
    assert client.post(url(Account, "change", account.pk), form).status_code == 302
    account.refresh_from_db()
    assert (account.budget, account.human_locked) == (usd(7), False)
    assert list(Event.objects.filter(reason="agreed").order_by("id").values_list("verb", "actor")) == [
        ("budget.budget", BOSS),
        ("budget.human_locked", BOSS),
    ]


def test_a_correction_is_shown_first_and_booked_once(client: Client) -> None:
    seed(1)
    row = LedgerEntry.objects.get()
    assert b"Dry run" in dry_run(client, LedgerEntry, "correct", row.pk).content
    shown = dry_run(client, LedgerEntry, "correct", row.pk, amount="-0.2", key="k1", reason="counted twice")
    assert b"$0.25" in shown.content and b"$0.05" in shown.content
    assert LedgerEntry.objects.count() == 1
    first, second = (correct(client, row, "-0.2", "k1", shown) for _ in range(2))
    assert "Booked a correction" in message_of(first) and "already" in message_of(second)
    assert LedgerEntry.objects.count() == 2 and Project.objects.get().total_spent == usd("0.05")
    event = Event.objects.get(verb="spend.corrected")
    assert (event.actor, event.reason, event.data["amount_usd"]) == (BOSS, "counted twice", -0.2)
    assert rebuild.find(row.project_id) == []


def test_every_form_of_a_correction_has_a_key_of_its_own(client: Client) -> None:
    seed(1)
    row = LedgerEntry.objects.get()
    keys = {dry_run(client, LedgerEntry, "correct", row.pk).context["form"]["key"].value() for _ in range(3)}
    assert len(keys) == 3


@pytest.mark.parametrize(("amount", "why"), [("-0.26", "may not take back more"), ("0", "corrects nothing"), ("x", "Write USD")])
def test_a_correction_that_makes_no_sense_is_refused(client: Client, amount: str, why: str) -> None:
    seed(1)
    row = LedgerEntry.objects.get()
    shown = dry_run(client, LedgerEntry, "correct", row.pk, amount=amount, key="k", reason="r")
    assert why in shown.content.decode() and not admin_site.seen(shown)
    correct(client, row, amount, "k", shown)
    assert LedgerEntry.objects.count() == 1


def test_a_correction_is_not_corrected_and_one_row_is_taken_at_a_time(client: Client) -> None:
    seed(2)
    entry_row, two = LedgerEntry.objects.order_by("id")
    correct(client, entry_row, "1", "k1")
    created = LedgerEntry.objects.get(corrects=entry_row)
    assert (
        b"is a correction itself" in dry_run(client, LedgerEntry, "correct", created.pk, amount="1", key="k", reason="r").content
    )
    assert "select at most 1" in message_of(dry_run(client, LedgerEntry, "correct", entry_row.pk, two.pk))


def test_spend_that_moved_since_the_dry_run_stops_the_correction(client: Client) -> None:
    seed(1)
    row = LedgerEntry.objects.get()
    shown = dry_run(client, LedgerEntry, "correct", row.pk, amount="-0.2", key="k1", reason="r")
    correct(client, row, "-0.1", "other")
    response = admin_site.apply(client, LedgerEntry, "correct", row.pk, shown=shown, amount="-0.1", key="k1", reason="r")
    assert b"The data changed" in response.content
    assert LedgerEntry.objects.count() == 2


def damage(workspace: Any) -> None:
    """Change the counters as a careless hand in the database could."""
    Project.objects.update(entry_spent=1, held=0, orchestrator_spent=7)
    Account.objects.update(spent=0, held=5, interceptor_spent=3)
    RoundSpend.objects.update(cost=9)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'budget_hold_moves'")
            created = cursor.fetchone()[0]
            cursor.execute("DROP TRIGGER budget_hold_moves")
        Hold.objects.update(drawn=usd(3))
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = origin")
        else:
            cursor.execute(created)


def test_counters_kept_by_triggers_do_not_drift() -> None:
    assert rebuild.find(seed(3).pk) == []


def _everything() -> list[list[dict[str, Any]]]:
    """The rows with counters. The project's version grows with every change, the mending too."""
    rows = [list(model.objects.order_by("pk").values()) for model in (Project, Account, Hold)]
    return [[{key: value for key, value in row.items() if key != "version"} for row in rows_of_table] for rows_of_table in rows]


def test_every_damaged_counter_is_found_and_repaired_with_who_and_why() -> None:
    workspace = seed(2)
    before = _everything()
    damage(workspace)
    wrong = rebuild.find(workspace.pk)
    assert {(drift.kind, drift.field) for drift in wrong} == {
        ("project", "entry_spent"), ("project", "orchestrator_spent"), ("project", "held"), ("account", "spent"),
        ("account", "held"), ("account", "interceptor_spent"), ("hold", "drawn"), ("round", "cost"),
    }  # fmt: skip
    assert rebuild.repair(workspace.pk, by=ANA, reason="a bad script") == wrong
    assert rebuild.find(workspace.pk) == []
    assert _everything() == before
    event = Event.objects.get(verb="budget.rebuilt")
    assert (event.actor, event.reason, event.data["count"]) == ("ana", "a bad script", len(wrong))


def test_a_lost_round_is_made_again() -> None:
    workspace = seed(1)
    RoundSpend.objects.all().delete()
    assert [(d.stored, d.expected) for d in rebuild.repair(workspace.pk, by=ANA, reason="lost")] == [(0, usd("0.25"))]
    assert RoundSpend.objects.get().cost == usd("0.25")


def test_without_drift_it_records_no_event() -> None:
    assert rebuild.repair(seed(1).pk, by=ANA, reason="just in case") == []
    assert not Event.objects.filter(verb="budget.rebuilt").exists()


def test_finding_drift_takes_as_many_queries_for_many_entries_as_for_few(django_assert_num_queries: Any) -> None:
    few, many = seed(1), seed(20)
    with django_assert_num_queries(17) as taken:
        rebuild.find(few.pk)
    with django_assert_num_queries(len(taken)):
        rebuild.find(many.pk)


def test_rebuilding_is_shown_first_then_done(client: Client) -> None:
    workspace = seed(1)
    assert b"There is nothing to change" in dry_run(client, Project, "rebuild_money", workspace.pk).content
    Project.objects.update(entry_spent=1)
    shown = dry_run(client, Project, "rebuild_money", workspace.pk)
    assert b"$0.000001" in shown.content and b"$0.25" in shown.content and Project.objects.get().entry_spent == 1
    response = admin_site.apply(client, Project, "rebuild_money", workspace.pk, shown=shown, reason="a bad script")
    assert "Rebuilt counters: 1" in message_of(response) and Project.objects.get().entry_spent == usd("0.25")
    event = Event.objects.get(verb="budget.rebuilt")
    assert (event.actor, event.reason) == (BOSS, "a bad script")


def test_the_database_refuses_what_the_admin_would_not_ask(client: Client) -> None:
    seed(1)
    row = LedgerEntry.objects.get()
    row.amount = 0
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.delete()


def test_two_clicks_on_apply_at_once_book_one_correction(transactional_db: None) -> None:
    client = a_superuser()
    workspace = seed(1)
    row = LedgerEntry.objects.get()
    shown = dry_run(client, LedgerEntry, "correct", row.pk, amount="-0.2", key="k1", reason="r")

    def press(_: int) -> int:
        try:
            hand = Client()
            hand.cookies = client.cookies
            return correct(hand, row, "-0.2", "k1", shown).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as hands:
        responses = list(hands.map(press, range(4)))
    assert set(responses) <= {200, 302}
    assert LedgerEntry.objects.count() == 2 and Project.objects.get().total_spent == usd("0.05")
    assert Event.objects.filter(verb="spend.corrected").count() == 1
    assert rebuild.find(workspace.pk) == []


def test_a_request_of_the_gateway_is_only_shown_and_leads_to_those_of_its_session(client: Client) -> None:
    seed(1)
    session = Session.objects.get(role="implement")
    GatewayRequest.objects.update(session_ref=session.pk)
    row = GatewayRequest.objects.get()
    page = client.get(url(GatewayRequest, "change", row.pk)).content.decode()
    assert f"/w/{session.workspace_id}/sessions/{session.pk}/?tab=requests" in page and 'name="state"' not in page
    assert client.post(url(GatewayRequest, "change", row.pk), {"state": "settled"}).status_code == 403
