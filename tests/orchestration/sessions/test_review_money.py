"""Money for a review: the least of what the config, the limits of the budget and the session's reservation leave."""

from decimal import Decimal

import pytest

from budget.amounts import usd
from budget.ledger import requests
from budget.limits import caps
from budget.models import Account, Category, GatewayRequest, Project
from orchestration.configuration import Interceptor, Verifier
from orchestration.models import Entry, Session
from orchestration.sessions import lifecycle, review_money
from orchestration.sessions.ending import Ending
from orchestration.sessions.review_money import JudgeMoney
from tests.factories import ANA, a_session, a_workspace, an_entry, ended, project

pytestmark = pytest.mark.django_db
USED_UP = "No money for the review: the interceptor's caps are used up"


@pytest.fixture
def session() -> Session:
    a_session(an_entry(a_workspace(name="Other")))
    return a_session(an_entry(a_workspace(max_workers=4), budget="5"))


def limit(session: Session, **config: str) -> tuple[int, str]:
    caps = {name: Decimal(value) for name, value in {"round_usd": "0.5", **config}.items()}
    rules = Interceptor.model_validate({"agent": {"kind": "command", "command": "true"}, **caps})
    money = review_money.for_interceptor(session, rules, in_gateway=True)
    return money.covered, money.problem


def refused(session: Session, role: str, bound: int, by: str) -> None:
    assert session.hold is not None
    access = requests.open_access(session.hold, role=role, category=Category.ENTRY, upstreams={})
    item = {"api": "anthropic", "state": "refused", "status": 402, "bound": bound, "refused_by": by}
    GatewayRequest.objects.create(access=access, hold=session.hold, session_ref=session.pk, gateway="g", key=access.pk, **item)


def under_review(session: Session) -> None:
    """Other sessions are at their reviews: one in the workspace, one in another, and one that ended."""
    other, over = (a_session(an_entry(session.workspace)) for _ in range(2))
    ended(over)
    theirs = a_session(an_entry(a_workspace(name="Third")))
    Session.objects.filter(pk__in=(other.pk, over.pk, theirs.pk)).update(phase=Session.Phase.INTERCEPTION)


def test_without_caps_a_review_has_what_a_round_may_spend(session: Session) -> None:
    under_review(session)
    assert limit(session) == (usd("0.5"), "")


@pytest.mark.parametrize(("cap", "left"), [("0.9", "0.2"), ("3", "0.5"), ("0.701", "0.001"), ("0.7009", "0"), ("0.6", "0")])
def test_an_entry_has_a_cap_of_its_own(session: Session, cap: str, left: str) -> None:
    Account.objects.filter(pk=session.entry.account_id).update(interceptor_spent=usd("0.7"))
    assert limit(session, entry_usd=cap) == (usd(left), "" if left != "0" else USED_UP)


@pytest.mark.parametrize(("cap", "left"), [("1.4", "0.2"), ("1.2", "0"), ("9", "0.5")])
def test_the_workspaces_cap_counts_what_reviews_under_way_may_still_spend(session: Session, cap: str, left: str) -> None:
    under_review(session)
    Project.objects.filter(pk=session.workspace_id).update(interceptor_spent=usd("0.7"))
    Project.objects.exclude(pk=session.workspace_id).update(interceptor_spent=usd("8"))
    assert limit(session, workspace_usd=cap) == (usd(left), "" if left != "0" else USED_UP)


@pytest.mark.parametrize(("amount", "left"), [("0.8", "0.3"), ("0.5", "0"), ("9", "0.5")])
def test_a_limit_of_the_budget_for_reviews_holds_too(session: Session, amount: str, left: str) -> None:
    under_review(session)
    caps.set_limit(project(session.workspace), "interceptor", "day", usd(amount), by=ANA)
    caps.set_limit(project(session.workspace), "expansion", "day", usd("0.01"), by=ANA)
    described = "No money for the review: today's limit of $0.50 for interceptor is used up"
    assert limit(session) == (usd(left), "" if left != "0" else described)


def test_a_review_has_no_more_than_its_reservation_can_cover(session: Session) -> None:
    Account.objects.filter(pk=session.entry.account_id).update(budget=usd("0.0001"))
    assert session.hold is not None
    session.hold.amount = session.hold.drawn
    session.hold.save()
    affordable, reason = limit(session)
    assert affordable < review_money.MIN_LIMIT and reason.endswith("the cap, a limit or the entry's budget leaves too little")


@pytest.mark.parametrize(("in_gateway", "is_enough"), [(True, True), (False, False)])
def test_a_session_that_only_judges_begins_with_what_is_free_behind_the_gateway_alone(in_gateway: bool, is_enough: bool) -> None:
    entry = an_entry(a_workspace(name="Short"), budget="0.3")
    Entry.objects.filter(pk=entry.pk).update(next_work="verify")
    session = a_session(entry)
    agent = Verifier.model_validate({"agent": {"kind": "command", "command": "true"}, "round_usd": Decimal("0.5")})
    assert session.hold is None
    money = review_money.for_verifier(session, agent, in_gateway=in_gateway)
    assert (money.most, money.covered, not money.problem) == (usd("0.5"), usd("0.3"), is_enough)


@pytest.mark.parametrize("lacks", [(usd("0.4"), "money"), None])
def test_an_entry_waits_for_what_its_judge_was_refused_not_its_implementing_agent(
    session: Session, lacks: tuple[int, str] | None
) -> None:
    refused(session, "implement", usd("9"), "money")
    out_of_money = Ending(Session.Outcome.OUT_OF_MONEY, "No money", verify_next=True, lacks=lacks)
    assert lifecycle.conclude(session, out_of_money)
    entry = Entry.objects.get(pk=session.entry_id)
    assert (entry.least_request, entry.least_limit) == (lacks or (0, ""))


@pytest.mark.parametrize(
    ("by", "bound", "lacks"),
    [
        ("money", "0.4", ("0.44", "money")),
        ("money", "0.49", ("0.5", "money")),
        ("role", "0.6", ("0.6", "role")),
        ("role", "0.2", None),
        ("", "0", ("0.5", "money")),
    ],
)
def test_a_judge_that_ended_at_its_limit_leaves_the_need_of_the_next_one(
    session: Session, by: str, bound: str, lacks: tuple[str, str] | None
) -> None:
    refused(session, "implement", usd("9"), "money")
    if by:
        refused(session, "verify", usd(bound), by)
    expected = (usd(lacks[0]), lacks[1]) if lacks else None
    assert review_money.lacks(session, "verify", JudgeMoney(most=usd("0.5"), covered=usd("0.3"))) == expected
