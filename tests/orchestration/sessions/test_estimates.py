"""A session's spend since its last report is estimated by its own reports, else by those of others in the same role."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.models import LedgerEntry
from orchestration.models import Session
from orchestration.sessions.absent_hosts import estimates
from orchestration.sessions.absent_hosts.estimates import Pace, pace
from tests.factories import a_session, a_workspace, an_entry, ended, project
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.shop(cap="1000", budget="1000", max_workers=90)]
Source = LedgerEntry.PriceSource


def reported(session: Session, amount: str, *, at: datetime | None = None, source: Source = Source.REPORTED) -> None:
    known = {Source.REPORTED: {"reported": usd(amount)}, Source.COMPUTED: {"computed": usd(amount)}}.get(source, {})
    item = ledger.Charge(f"{session.pk}:{LedgerEntry.objects.count()}", usd(amount), source, at=at, reason="x", **known)
    ledger.charge(
        project(session.workspace),
        item,
        account=session.entry.account,
        reservation=session.hold,
        session_ref=session.pk,
        actor="agent",
    )


def an_ended_session(shop: Workspace, *amounts: str, seconds: float = 100) -> Session:
    session = a_session(an_entry(shop, budget="9"))
    for amount in amounts:
        reported(session, amount)
    ended(session)
    end = now()
    Session.objects.filter(pk=session.pk).update(started_at=end - timedelta(seconds=seconds), ended_at=end)
    return session


def at_work(shop: Workspace, **times: Any) -> Session:
    session = a_session(an_entry(shop, budget="9"))
    Session.objects.filter(pk=session.pk).update(**times)
    return Session.objects.select_related("entry__account", "hold", "workspace").get(pk=session.pk)


def test_its_own_reports_come_first_with_the_rate_since_its_start_and_the_costliest_request(shop: Workspace) -> None:
    an_ended_session(shop, "5")
    start = now()
    session = at_work(shop, started_at=start, lease_until=start + timedelta(seconds=70))
    reported(session, "0.10", at=start + timedelta(seconds=10))
    reported(session, "0.30", at=start + timedelta(seconds=40), source=Source.COMPUTED)
    reported(session, "0.50", at=start + timedelta(seconds=60), source=Source.MANUAL)
    own = pace(session)
    assert own == Pace(rate=usd("0.40") / 40, request=usd("0.30"), silent_s=30)
    assert own.silent == usd("0.30") + usd("0.30")


def test_a_session_that_began_at_no_known_time_is_counted_from_its_first_report(shop: Workspace) -> None:
    start = now()
    session = at_work(shop, started_at=None, lease_until=None)
    for seconds in (0, 100):
        reported(session, "0.10", at=start + timedelta(seconds=seconds))
    assert pace(session) == Pace(rate=usd("0.20") / 100, request=usd("0.10"), silent_s=0)


def test_a_lease_that_ended_before_the_last_report_is_no_silence(shop: Workspace) -> None:
    start = now()
    session = at_work(shop, started_at=start, lease_until=start + timedelta(seconds=10))
    reported(session, "0.10", at=start + timedelta(seconds=60))
    matches = pace(session)
    assert matches is not None and matches.silent_s == 0 and matches.silent == usd("0.10")


def test_without_a_report_of_its_own_those_of_others_count_all_together(shop: Workspace) -> None:
    an_ended_session(shop, "0.20", "0.40", seconds=100)
    an_ended_session(shop, "0.10", seconds=50)
    start = now()
    session = at_work(shop, started_at=start, lease_until=start + timedelta(seconds=20))
    matches = pace(session)
    assert matches is not None and (round(matches.rate), matches.request, matches.silent_s) == (
        round(usd("0.70") / 150),
        usd("0.40"),
        20,
    )


def test_others_count_only_in_the_same_role_with_spend_and_a_time(shop: Workspace) -> None:
    for wrong in ({"role": "plan", "entry": None}, {"started_at": None}, {"ended_at": now() - timedelta(days=1)}):
        other = an_ended_session(shop, "0.20")
        Session.objects.filter(pk=other.pk).update(**wrong)
    an_ended_session(shop)
    still = a_session(an_entry(shop, budget="9"))
    reported(still, "0.20")
    assert pace(at_work(shop)) is None
    elsewhere = a_workspace(name="Other")
    an_ended_session(elsewhere, "0.20")
    assert pace(at_work(shop)) is None
    an_ended_session(shop, "0.20")
    assert pace(at_work(shop)) is not None


def test_what_others_were_charged_beyond_their_reports_is_no_rate(shop: Workspace) -> None:
    an_ended_session(shop, "0.20", seconds=100)
    lost = a_session(an_entry(shop, budget="9"))
    reported(lost, "0.10")
    reported(lost, "7", source=Source.MANUAL)
    ended(lost)
    silent = a_session(an_entry(shop, budget="9"))
    reported(silent, "8", source=Source.MANUAL)
    ended(silent)
    end = now()
    Session.objects.filter(pk__in=[lost.pk, silent.pk]).update(started_at=end - timedelta(seconds=50), ended_at=end)
    matches = pace(at_work(shop))
    assert matches is not None and (round(matches.rate), matches.request) == (round(usd("0.30") / 150), usd("0.20"))


def test_the_newest_others_count(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "OTHERS", 1)
    dear, cheap = an_ended_session(shop, "4"), an_ended_session(shop, "0.01")
    Session.objects.filter(pk=dear.pk).update(claimed_at=now() - timedelta(days=1))
    Session.objects.filter(pk=cheap.pk).update(claimed_at=now())
    matches = pace(at_work(shop))
    assert matches is not None and matches.request == usd("0.01")


def test_others_within_seconds_make_no_rate_and_others_without_a_request_none(shop: Workspace) -> None:
    an_ended_session(shop, "0.30", seconds=1)
    matches = pace(at_work(shop))
    assert matches is not None and matches.rate == usd("0.30") / estimates.LEAST_S
    unknown = a_workspace(name="Unknown")
    session = a_session(an_entry(unknown))
    reported(session, "0.20", source=Source.MANUAL)
    ended(session)
    Session.objects.filter(pk=session.pk).update(started_at=now() - timedelta(seconds=90))
    assert pace(at_work(unknown)) is None
