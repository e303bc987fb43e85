"""Home is the reader's: their zone, their roles, their marks and decisions, among those of others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.timezone import now

from budget.amounts import usd
from budget.models import Decision, ForecastRecord, Project, Review
from budget.reviews import deciding, drafting
from dashboard.home import cards, scope, sources, views
from dashboard.home.scope import Scope
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Executor, Landing, Proposal, Question, Session
from tests.dashboard.home.test_sources import again, seen_by, stuck
from tests.dashboard.seeds import entries as seed
from tests.factories import ANA, CLOSED, a_charge, a_review, a_session, a_workspace, an_entry
from tests.orchestration.proposals.made import PLANNER, a_run, a_running_run
from workspaces import access
from workspaces.models import QueueMark, Workspace

pytestmark = pytest.mark.django_db
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")  # UTC+14: its day is another one than that of UTC for most of the time


@pytest.fixture
def shop() -> Workspace:
    a_workspace(name="Other")
    return a_workspace(name="Shop", cap="10", planner=PLANNER, max_workers=50)


@pytest.fixture
def far_east() -> Iterator[ZoneInfo]:
    with timezone.override(KIRITIMATI):
        yield KIRITIMATI


def at_noon(seen: Scope) -> Scope:
    """Noon in UTC, two in the morning of the next day on Kiritimati."""
    return Scope(seen.caller, datetime(2026, 8, 4, 12, tzinfo=UTC))


def landed(entry: Entry, at: datetime) -> None:
    session = Session.objects.create(
        id=f"sess_{entry.seq:020}",
        workspace=entry.workspace,
        entry=entry,
        attempt=1,
        status="ended",
        outcome="passed",
        ended_at=at,
    )
    round_ = entry.rounds.create(session=session, number=1)
    Landing.objects.create(workspace=entry.workspace, entry=entry, round=round_, commit="1" * 40, state="landed", ended_at=at)
    Entry.objects.filter(pk=entry.pk).update(**CLOSED)


def test_what_landed_today_is_of_the_readers_day_and_money_of_the_utc_day(shop: Workspace, far_east: ZoneInfo) -> None:
    midnight = datetime(2026, 8, 5, tzinfo=far_east)  # 10:00 of the fourth in UTC
    for n, minutes in enumerate((-601, -1, 0, 60)):
        moment = midnight + timedelta(minutes=minutes)
        landed(an_entry(shop), moment)
        a_charge(None, str(10**n / 1000), category="expansion", in_=shop, at=moment)
    [card] = cards.region(at_noon(seen_by("otto", "operator", shop)))["cards"]
    assert (card["workspace"].landed_today, card["workspace"].today) == (2, usd("1.11"))


def test_tomorrow_begins_at_eight_of_the_readers_next_day(far_east: ZoneInfo) -> None:
    until, words = views._until("tomorrow")
    here, today = until.astimezone(far_east), timezone.localdate()
    assert (here.date(), here.hour, here.minute) == (today + timedelta(days=1), 8, 0)
    assert words == f"Snoozed until {here.day} {here:%b} 08:00"


def test_a_right_is_of_this_persons_membership_and_of_no_others(shop: Workspace) -> None:
    other = Workspace.objects.exclude(pk=shop.pk).get()
    seen = seen_by("vera", "viewer", shop, other)
    for name, role in (("adam", "admin"), ("otto", "operator"), ("bea", "budget")):
        seed.user(name, role=role, workspace=shop)
        seed.user(name, role=role, workspace=other)
    assert [seen.where_one_may(need) for need in (access.Need.OPERATE, access.Need.BUDGET, access.Need.ADMIN)] == [[], [], []]
    assert set(seen.where_one_may(access.Need.VIEW)) == {shop.pk, other.pk}


def test_whoever_only_looks_decides_nothing(shop: Workspace) -> None:
    a_run(shop, "One")
    stuck(an_entry(shop), "pending", Reason.WAITING_FOR_APPROVAL, reason_at=now())
    session = a_session(an_entry(shop))
    Question.objects.create(workspace=shop, entry=session.entry, session=session, name="1", text="Which?")
    drafting.request(a_review(shop, by=ANA), by=ANA)
    kinds = (sources.proposals, sources.approvals, sources.questions, sources.reviews)

    def counts(seen: Scope) -> list[int]:
        return [len(list(kind(seen))) for kind in kinds]

    assert counts(seen_by("vera", "viewer", shop)) == [0, 0, 0, 0]
    assert counts(seen_by("otto", "operator", shop)) == [1, 1, 1, 0]
    assert counts(seen_by("bea", "budget", shop)) == [0, 0, 0, 1]
    assert counts(seen_by("adam", "admin", shop)) == [1, 1, 1, 1]


def test_what_a_run_proposes_waits_once_it_has_ended(shop: Workspace) -> None:
    Proposal.objects.create(run_id=a_running_run(shop).pk, number=1, after={}, reason="It is so")
    assert list(sources.proposals(seen_by("otto", "operator", shop))) == []


def test_a_review_waits_for_each_who_has_not_decided_on_its_present_version(shop: Workspace) -> None:
    bea, cleo = seen_by("bea", "budget", shop), seen_by("cleo", "budget", shop)
    review = drafting.request(a_review(shop, by=ANA, required_approvals=2), by=ANA)
    of_bea = drafting.request(a_review(shop, by=bea.caller), by=bea.caller)
    deciding.decide(review, Decision.Verdict.APPROVE, "It fits", version=review.version, by=bea.caller)
    assert [item.key for item in sources.reviews(again(bea))] == []
    assert {item.key for item in sources.reviews(again(cleo))} == {
        f"review:{each.pk}:{each.version}" for each in (review, of_bea)
    }
    Review.objects.filter(pk=review.pk).update(version=review.version + 1)
    assert [item.key for item in sources.reviews(again(bea))] == [f"review:{review.pk}:{review.version + 1}"]


def test_an_item_changes_its_name_with_its_cause(shop: Workspace) -> None:
    otto, moment = seen_by("otto", "operator", shop), now()
    entry = an_entry(shop)
    stuck(entry, "blocked", Reason.PROJECT_BUDGET_EXCEEDED)
    keys = set()
    for change in ({}, {"total_budget": usd(50)}, {"max_project_spend": usd(20)}):
        Project.objects.filter(pk=shop.pk).update(**change)
        keys |= {item.key for item in sources.money(again(otto))}
    assert len(keys) == 3
    for since in (moment, moment + timedelta(minutes=1)):
        Executor.objects.filter(pk=shop.pk).update(repository_code="gone", repository_message="None.", repository_since=since)
        keys |= {item.key for item in sources.standstill(again(otto))}
    assert len(keys) == 5


def test_the_end_of_a_backlog_is_not_shown_while_it_stands_still(shop: Workspace) -> None:
    an_entry(shop)
    ForecastRecord.objects.create(
        project_id=shop.pk,
        computed_at=now(),
        version=0,
        event=0,
        enough=True,
        why_not="",
        rate=usd(1),
        end_at=(end := now() + timedelta(hours=2)),
    )
    otto = seen_by("otto", "operator", shop)
    assert cards.region(otto)["cards"][0]["finish"] == end
    for state in ("paused", "stopped"):
        Executor.objects.filter(pk=shop.pk).update(state=state)
        [card] = cards.region(again(otto))["cards"]
        assert (card["finish"], card["shown_state"]) == (None, state)


def test_only_what_is_in_the_queue_is_read_and_put_aside_by_this_person_alone(shop: Workspace) -> None:
    clients = {}
    for name in ("otto", "olga"):
        clients[name] = Client()
        clients[name].force_login(seed.user(name, role="operator", workspace=shop))
    first, second = an_entry(shop), an_entry(shop)
    for entry in (first, second):
        stuck(entry, "failed", Reason.ROUNDS_EXHAUSTED)
    other = Workspace.objects.exclude(pk=shop.pk).get()
    stuck(an_entry(other), "failed", Reason.ROUNDS_EXHAUSTED)
    [first_item, second_item] = sources.stuck(seen_by("otto", "operator", shop))
    [theirs] = sources.stuck(seen_by("eve", "operator", other))
    htmx = {"HX-Request": "true"}
    for do in ("read", "hour", "done"):
        for key in (theirs.key, "nothing"):
            assert clients["otto"].post("/queue/", {"key": key, "do": do}, headers=htmx).status_code == 404
    put = clients["otto"].post("/queue/", {"key": first_item.key, "do": "hour"}, headers=htmx).content.decode()
    assert f'name="key" value="{first_item.key}"' in put and 'name="do" value="back"' in put
    assert clients["otto"].post("/queue/", {"key": second_item.key, "do": "later"}, headers=htmx).status_code in (400, 422)
    assert clients["olga"].get("/").context["unread"] == 2
    clients["olga"].post("/queue/", {"do": "read-all"}, headers=htmx)
    assert clients["olga"].get("/").context["unread"] == 0
    page = clients["otto"].get("/").context
    assert (page["waiting"], page["unread"], page["aside"]) == (1, 1, 1)
    assert sorted(QueueMark.objects.values_list("user__username", "key")) == sorted(
        [("olga", first_item.key), ("olga", second_item.key), ("otto", first_item.key)]
    )
    clients["olga"].post("/queue/", {"key": first_item.key, "do": "hour"}, headers=htmx)
    clients["otto"].post("/queue/", {"key": first_item.key, "do": "back"}, headers=htmx)
    assert QueueMark.objects.get(user__username="olga", key=first_item.key).aside_until is not None
    page = clients["otto"].get("/").context
    assert page["waiting"] == 1 and {item.key for item in page["rows"][0].alike} == {first_item.key, second_item.key}


def test_a_page_that_wants_an_unknown_region_gets_those_that_there_are(shop: Workspace, client: Client) -> None:
    client.force_login(seed.user("otto", role="operator", workspace=shop))
    assert client.get("/", {"live": "queue:x,nothing:y"}).status_code in (200, 204)
    assert scope.of(access.of_user(seed.user("otto"))).whole_queue is False
