"""The end of the money: who waits for whose, what is remembered of a request that was refused, and when it is forgotten."""

import asyncio

import pytest
from django.db.models import F

from budget.amounts import usd
from budget.ledger import requests
from budget.models import Account, GatewayAccess, GatewayRequest, Hold, Project
from orchestration.backlog import content
from orchestration.backlog.content import Change
from orchestration.configuration import entry_routes, workspace_setup
from orchestration.gateway import admission
from orchestration.models import Entry, Session
from orchestration.sessions import Ending, conclude, write
from tests.factories import ANA, a_session, a_workspace, an_entry
from tests.orchestration.gateway.stage import Stage, an_access, play, token

pytestmark = pytest.mark.django_db(transaction=True)
CEILING = usd("5")


def at_work(*holds: str, cap: str = "0.1", own: str = "5") -> list[GatewayAccess]:
    """Sessions in line, each with an access and so much reserved, under one cap."""
    workspace = a_workspace(cap="10", gateway="auto")
    sessions = [a_session(an_entry(workspace, budget=own, content=f"{n}")) for n, _ in enumerate(holds)]
    for session, amount in zip(sessions, holds, strict=True):
        Hold.objects.filter(session_ref=session.pk).update(amount=usd(amount))
        write(session, meter="gateway")
    Project.objects.update(max_project_spend=usd(cap))
    return [an_access(hold=Hold.objects.get(session_ref=session.pk), ceiling=CEILING) for session in sessions]


def is_refused(access: GatewayAccess, **body: int) -> GatewayRequest:
    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access), **body))[0] == 402

    play(steps)
    return GatewayRequest.objects.latest("pk")


def test_under_a_shortage_of_the_cap_the_first_takes_what_one_behind_it_holds_with_any_budget() -> None:
    first, second = at_work("0.05", "0.05")

    async def steps(stage: Stage) -> None:
        asked = asyncio.create_task(stage.ask(token(first), max_tokens=5_000))
        while not await asyncio.to_thread(Session.objects.filter(stop_wanted_at__isnull=False).count):
            await asyncio.sleep(0.05)
        ending = Ending(Session.Outcome.OUT_OF_MONEY)
        await asyncio.to_thread(lambda: conclude(Session.objects.get(pk=second.session_ref), ending))
        assert (await asked)[0] == 200

    play(steps)
    assert Hold.objects.get(pk=first.hold_id).amount > usd("0.07")


def test_no_session_ends_for_a_request_that_cannot_be_paid_in_any_case() -> None:
    first, _ = at_work("0.03", "0.02", cap="0.055")
    row = is_refused(first, max_tokens=5_000)
    assert row.refused_by == "money" and not Session.objects.filter(stop_wanted_at__isnull=False).exists()


def test_what_others_hold_is_of_no_use_where_the_budget_of_its_own_entry_is_short() -> None:
    first, *_ = at_work("0.03", "4", cap="10")
    Account.objects.filter(pk=first.hold.account_id).update(budget=usd("0.04"))
    assert admission._funds(first).later == usd("0.04")


def test_what_a_permit_holds_that_waits_itself_is_not_waited_for() -> None:
    first, second = at_work("0.01", "0.09")
    assert admission._funds(first).later == usd("0.1")
    Session.objects.filter(pk=second.session_ref).update(phase="verification")
    item = requests.Bounded("anthropic", "claude-sonnet-4-5", usd("0.2"))
    requests.wait(second, item, gateway="g", reason=requests.FOR_MONEY, least=usd("0.1"))
    assert admission._funds(first).later == usd("0.01")


@pytest.mark.parametrize(
    ("limits", "by"),
    [({}, "money"), ({"ceiling": usd("0.05")}, "ceiling"), ({"most": usd("0.05"), "ceiling": 0}, "role")],
)
def test_a_refused_request_names_the_limit_that_it_would_pass(limits: dict[str, int], by: str) -> None:
    (access,) = at_work("0.05", cap="0.05" if not limits else "5")
    GatewayAccess.objects.update(**limits)
    assert is_refused(access, max_tokens=5_000).refused_by == by


def refused_entry(by: str = "money") -> Entry:
    """An entry whose session ended without money, and without an answer."""
    (access,) = at_work("0.05", cap="0.05")
    is_refused(access, max_tokens=5_000)
    GatewayRequest.objects.update(refused_by=by)
    conclude(Session.objects.get(), Ending(Session.Outcome.OUT_OF_MONEY))
    return Entry.objects.get()


def test_its_entry_keeps_what_was_refused_with_a_tenth_more_and_waits() -> None:
    entry, bound = refused_entry(), GatewayRequest.objects.get().bound
    assert (entry.status, entry.least_request, entry.least_limit) == ("pending", bound + bound // 10, "money")


def test_what_a_ceiling_refused_is_kept_as_it_is() -> None:
    assert refused_entry("ceiling").least_request == GatewayRequest.objects.get().bound


def test_a_session_that_ends_while_its_request_waits_leaves_what_that_needs() -> None:
    (access,) = at_work("0.05", cap="0.05")
    item = requests.Bounded("anthropic", "claude-sonnet-4-5", usd("0.4"))
    requests.wait(access, item, gateway="g", reason=requests.FOR_MONEY, least=usd("0.1"))
    conclude(Session.objects.get(), Ending(Session.Outcome.OUT_OF_MONEY))
    assert Entry.objects.get().least_request == usd("0.11")


@pytest.mark.parametrize(("answered", "least"), [(False, usd("0.1")), (True, 0)])
def test_a_session_without_an_answer_reports_nothing_new(answered: bool, least: int) -> None:
    (access,) = at_work("0.05", cap="0.05")
    Entry.objects.update(least_request=usd("0.1"), least_limit="money")
    if answered:
        row = requests.send(access, requests.Bounded("anthropic", "m", 5), gateway="g")
        GatewayRequest.objects.filter(pk=row).update(state="settled", amount=F("bound"))
    conclude(Session.objects.get(), Ending(Session.Outcome.INTERRUPTED))
    assert Entry.objects.get().least_request == least


@pytest.mark.parametrize("change", ["spec", "text", "agent", "step", "model", "prices", "ceiling"])
def test_what_changes_its_requests_forgets_what_was_refused(change: str) -> None:
    entry = refused_entry()
    if change in ("spec", "text", "agent"):
        new = {"spec": Change(spec={"requirements": ["x"]}), "text": Change(content="Another"), "agent": Change(agent="b")}
        workspace_setup.configure(entry.workspace, {"agents": {"b": {"kind": "codex"}}}, by=ANA)
        Entry.objects.update(least_request=1, least_limit="money")
        content.edit(entry, new[change], by=ANA)
    elif change == "step":
        entry_routes.advance(entry, workspace_setup.configuration.load({}), "is over")
        entry.save(update_fields=entry_routes.COLUMNS)
    else:
        config = {
            "model": {"agent": {"model": "claude-haiku-4-5"}},
            "prices": {"prices": {"m": {"input": 1, "output": 1}}},
            "ceiling": {"round_ceiling_usd": 9},
        }
        workspace_setup.configure(entry.workspace, config[change], by=ANA)
    entry.refresh_from_db()
    assert (entry.least_request, entry.least_limit) == (0, "")
