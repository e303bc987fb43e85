"""A digest is of its workspace, of its period, and of what waits for a person now."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget.amounts import usd
from budget.models import LedgerEntry, Project
from orchestration.dialogue import questions
from orchestration.edge import digests
from orchestration.models import Entry, Integration, Landing
from tests.factories import ANA, CLOSED, a_charge, a_session, a_workspace, an_entry
from workspaces.models import Channel, Digest, Workspace
from workspaces.notices import channels
from workspaces.notices.channels import ChannelSettings
from workspaces.notices.digests import DigestSettings, Period

pytestmark = pytest.mark.django_db
UNTIL = now().replace(microsecond=0)
SINCE = UNTIL - timedelta(days=1)
PERIOD = Period(SINCE, UNTIL, UNTIL + timedelta(days=1))
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def shop() -> Workspace:
    """With a busy one next to it."""
    others = a_workspace(name="Others", state="paused")
    failed(others, "theirs", SINCE)
    landed(others, "theirs", SINCE)
    waits(others, "theirs", SINCE)
    session = a_session_of(others)
    questions.ask(session, "1", "Theirs?")
    return a_workspace(name="Shop")


def a_session_of(workspace: Workspace) -> Any:
    workspace.executor.__class__.objects.filter(pk=workspace.pk).update(state="running")
    return a_session(an_entry(workspace, content="asks"))


def a_digest(workspace: Workspace) -> Digest:
    settings = ChannelSettings("Team", "team@example.com", [], digest=DigestSettings("daily", 8, "Europe/Berlin"))
    channel, _ = channels.create(workspace, Channel.Kind.EMAIL, settings, by=ANA)
    return Digest.objects.get(channel=channel)


def failed(workspace: Workspace, title: str, at: datetime, **more: Any) -> Entry:
    entry = an_entry(workspace, content=title)
    fields = {"status": "failed", "reason_code": "rounds_exhausted", "reason_at": at, **more}
    Entry.objects.filter(pk=entry.pk).update(**fields)
    return entry


def landed(workspace: Workspace, title: str, at: datetime, **more: Any) -> Entry:
    entry = an_entry(workspace, content=title)
    Entry.objects.filter(pk=entry.pk).update(**CLOSED)
    fields = {"state": "landed", "kind": "entry", "ended_at": at, "commit": "c" * 40, **more}
    Landing.objects.create(workspace=workspace, **{"entry": entry, **fields})
    return entry


def waits(workspace: Workspace, title: str, at: datetime | None, **more: Any) -> Entry:
    entry = an_entry(workspace, content=title)
    fields = {"status": "blocked", "reason_code": "merge_rejected", "reason_message": "Rejected", "reason_at": at, **more}
    Entry.objects.filter(pk=entry.pk).update(**fields)
    return entry


def names(*entries: Entry) -> list[str]:
    return [f"#{entry.seq} {entry.content}" for entry in entries]


def test_it_counts_its_period_and_shows_the_newest_five(shop: Workspace) -> None:
    """The period begins with its first moment and ends before its last."""
    failures = [failed(shop, f"f{n}", SINCE + timedelta(minutes=n)) for n in range(6)]
    landings = [landed(shop, f"l{n}", UNTIL - MOMENT) for n in range(6)]
    for at in (SINCE - MOMENT, UNTIL):
        failed(shop, "of another period", at)
        landed(shop, "of another period", at)
    failed(shop, "deleted", SINCE, deleted_at=now())
    failed(shop, "goes on", SINCE, status="pending", reason_code="")
    landed(shop, "refused", SINCE, state="refused")
    landed(shop, "undone", SINCE, kind="revert", entry=None)
    event = digests.event(a_digest(shop), PERIOD)
    assert event is not None
    assert (event.failed_count, event.failed) == (6, names(*failures[:0:-1]))
    assert (event.landed_count, event.landed) == (6, names(*landings[:0:-1]))
    assert (event.waits_count, event.waits, event.channel, event.frequency) == (0, [], "Team", "daily")


def test_what_waits_is_in_the_order_of_its_weight_and_of_the_longest_wait(shop: Workspace) -> None:
    session = a_session_of(shop)
    questions.ask(session, "1", "Which bank?")
    unknown = waits(shop, "unknown since", None)
    late, early = waits(shop, "late", UNTIL), waits(shop, "early", SINCE)
    waits(shop, "deleted", SINCE, deleted_at=now())
    waits(shop, "moves by itself", SINCE, reason_code="dependency_failed")
    Integration.objects.update_or_create(workspace=shop, defaults={"state": "waiting", "message": "Somebody else wrote to it"})
    event = digests.event(a_digest(shop), PERIOD)
    assert event is not None and event.waits_count == 5
    assert [(line["words"], line["page"]) for line in event.waits] == [
        ("Nothing can start: Somebody else wrote to it", "landing"),
        (f"#{session.entry.seq} asks asks: Which bank?", "entry"),
        (f"#{early.seq} early: Rejected", "entry"),
        (f"#{late.seq} late: Rejected", "entry"),
        (f"#{unknown.seq} unknown since: Rejected", "entry"),
    ]
    for n in range(3):
        waits(shop, f"more {n}", UNTIL)
    event = digests.event(a_digest_of(shop), PERIOD)
    assert event is not None and event.waits_count == 8 and len(event.waits) == 5


def a_digest_of(workspace: Workspace) -> Digest:
    return Digest.objects.get(channel__workspace=workspace)


def test_its_money_is_that_of_the_period_of_the_workspace(shop: Workspace) -> None:
    assert digests.event(a_digest(shop), PERIOD) is None, "nothing happened, and nothing waits"
    for amount in ("1", "2"):
        a_charge(an_entry(shop, budget="9"), amount)
    first, second = LedgerEntry.objects.filter(project_id=shop.pk).order_by("pk")
    period = Period(first.at - MOMENT, second.at - MOMENT, PERIOD.following)
    event = digests.event(a_digest_of(shop), period)
    assert event is not None and (event.spent_usd, event.total_usd, event.cap_usd) == (1, 3, 100)
    Project.objects.filter(pk=shop.pk).update(max_project_spend=usd("3"))
    event = digests.event(a_digest_of(shop), period)
    assert event is not None
    assert event.waits == [{"words": "The cap is reached: no session starts", "page": "budget"}] and event.waits_count == 1
