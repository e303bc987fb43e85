"""The requests of a session on its page: each with its state, its cost, and what is not known of it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from budget.amounts import usd
from budget.ledger import booking, requests
from budget.models import GatewayRequest
from budget.reads import gateway_requests
from dashboard.sessions import requests as page_requests
from dashboard.shared.lists import paging
from orchestration.models import Executor, Session
from tests.dashboard.conftest import client_of
from tests.dashboard.seeds import gateway
from tests.factories import a_session, a_workspace, an_entry, ended
from workspaces.models import Workspace

pytestmark = pytest.mark.shop(max_workers=9)

HTMX = {"HX-Request": "true"}
MOST_QUERIES = 14


@pytest.fixture
def session(shop: Workspace) -> Session:
    return a_session(an_entry(shop, budget="5"))


def page(client: Client, session: Session, tab: str = "requests") -> str:
    return client.get(f"/w/{session.workspace_id}/sessions/{session.pk}/", {"tab": tab}).content.decode()


def test_the_tab_is_there_once_a_request_has_passed_the_gateway(ana: Client, session: Session) -> None:
    assert "?tab=requests" not in page(ana, session, "")
    access = gateway.an_access(session)
    assert "?tab=requests" not in page(ana, session, "")
    requests.send(access, gateway.bounded("0.1"), gateway=gateway.GATEWAY)
    for tab in ("", "events", "requests"):
        assert "?tab=requests" in page(ana, session, tab), tab
    log = ana.get(f"/w/{session.workspace_id}/sessions/{session.pk}/log/").content.decode()
    assert "?tab=requests" in log


def test_each_request_has_its_state_in_words(ana: Client, session: Session) -> None:
    gateway.one_of_each(session)
    shown = page(ana, session)
    for word in ("Waits for money", "Sent", "Booked", "Not charged", "Unknown", "Refused"):
        assert f"</svg>{word}</span>" in shown, word
    for text in (
        "there was no money for it: it was not sent",
        "needed $0.30",
        "its answer broke off",
        "answered by claude-haiku-4-5",
        "output limited to 4,000 tokens",
        "its bound is not exact",
        "52,000",
    ):
        assert text in shown, text


def test_each_fault_differs_from_the_others(ana: Client, session: Session) -> None:
    gateway.every_fault(session)
    shown = page(ana, session)
    for text in (
        "its answer was cut off",
        "its provider gave no answer",
        "the provider answered 429",
        "could not be reached",
        *(page_requests.WORDS["refused", status] for status in gateway.REFUSALS.values()),
        "Waits for provider",
        "for the limit of team",
        "1 waits for its provider&#x27;s limit",
        "1 request was refused, since there\n          was no money.",
        f'<a href="/w/{session.workspace_id}/backlog/{session.entry_id}/?tab=budget">what #{session.entry.seq} may spend</a>',
    ):
        assert text in shown, text
    ended(session, outcome="out_of_money")
    link = f'<a class="nowrap" href="/w/{session.workspace_id}/sessions/{session.pk}/?tab=requests">See its requests</a>'
    assert link in page(ana, session, "")
    rounds = ana.get(f"/w/{session.workspace_id}/backlog/{session.entry_id}/", {"tab": "rounds"}).content.decode()
    assert f'out of money: <a href="/w/{session.workspace_id}/sessions/{session.pk}/?tab=requests">see its' in rounds


def test_a_session_whose_request_waits_shows_for_what_on_every_page(ana: Client, session: Session) -> None:
    access, workspace = gateway.an_access(session), f"/w/{session.workspace_id}"
    pages = (
        f"{workspace}/",
        f"{workspace}/sessions/",
        f"{workspace}/sessions/{session.pk}/",
        f"{workspace}/backlog/{session.entry_id}/",
    )
    before = {address: queries_of(ana, address) for address in pages}
    words = ">request</a> waits for\n    the limit of credential team, for"
    assert not [address for address in pages if words in ana.get(address).content.decode()]
    gateway.paced(access)
    Session.objects.filter(pk=session.pk).update(waiting_for="it takes no more requests of this key now")  # as its worker writes
    for address in pages:
        brief = ">awaits provider</a>" if address == pages[0] else words
        assert brief in ana.get(address).content.decode(), address
        assert "it takes no more" not in ana.get(address).content.decode(), "it is named once"
        assert queries_of(ana, address) == before[address], address
    assert "waits for\n            provider" in ana.get(pages[1], {"view": "grid"}).content.decode()


def queries_of(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    return len(queries)


def test_what_is_not_known_is_shown_apart_from_what_is_booked(ana: Client, session: Session) -> None:
    gateway.one_of_each(session)
    sums = gateway_requests.totals(session.pk)
    assert (sums.number, sums.sent, sums.waiting) == (8, 1, 2)
    assert (sums.booked, sums.unknown, sums.at_bound) == (usd("0.1113"), usd("0.15"), 0)
    assert "$0.15 more is not known: reserved up to the bound, until" in page(ana, session)
    assert session.hold is not None
    booking.settle(session.hold.pk)
    sums = gateway_requests.totals(session.pk)
    assert (sums.unknown, sums.at_bound, sums.under_way) == (usd("0.15"), 0, usd("0.15"))
    assert (
        "$0.30 stay reserved for answers that are not known"
        in ana.get(f"/w/{session.workspace_id}/sessions/{session.pk}/").content.decode()
    )


def test_times_are_from_the_request_to_its_sending_its_first_byte_and_its_end(session: Session) -> None:
    gateway.one_of_each(session)
    request = GatewayRequest.objects.filter(state="settled", amount__gt=0).earliest("pk")
    at = request.created_at
    request.sent_at, request.first_byte_at = at + timedelta(seconds=2.5), at + timedelta(seconds=3.7)
    request.ended_at = at + timedelta(seconds=67.5)
    row = page_requests.build_row(request)
    assert (row.waited, row.first_byte, row.took) == ("2.5s", "1.2s", "1m 05s")
    request.sent_at = request.first_byte_at = request.ended_at = None
    assert (page_requests.build_row(request).waited, page_requests.build_row(request).took) == ("", "")


def test_the_newest_come_first_in_pages(ana: Client, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    access = gateway.an_access(session)
    numbers = [requests.send(access, gateway.bounded("0.1"), gateway=gateway.GATEWAY) for _ in range(3)]
    address = f"/w/{session.workspace_id}/sessions/{session.pk}/"
    first = ana.get(address, {"tab": "requests"})
    assert [row.request.pk for row in first.context["rows"]] == numbers[:0:-1]
    after = first.context["cut"].after
    assert f"tab=requests&amp;after={after}" in first.content.decode()
    second = ana.get(address, {"tab": "requests", "after": after})
    assert [row.request.pk for row in second.context["rows"]] == numbers[:1]


def test_requests_are_of_this_session_and_for_members(ana: Client, shop: Workspace, session: Session) -> None:
    neighbour = a_session(an_entry(shop, budget="5"))
    gateway.one_of_each(neighbour)
    gateway.an_access(session)
    assert "No request of this session passed the gateway." in page(ana, session)
    vera, nils = client_of("vera", "viewer", shop), client_of("nils", "viewer", a_workspace(name="Other"))
    assert "Waits for money" in page(vera, neighbour)
    assert nils.get(f"/w/{shop.pk}/sessions/{neighbour.pk}/", {"tab": "requests"}).status_code == 404


def test_the_page_names_the_promise_that_holds(ana: Client, session: Session) -> None:
    reserved, reported = page_requests.PROMISES.values()
    assert reserved not in page(ana, session, "") and reported not in page(ana, session, "")
    gateway.an_access(session)
    assert reserved in page(ana, session, "")
    Session.objects.filter(pk=session.pk).update(meter="cli")
    assert f"{reported} This server has no gateway." in page(ana, session, "")
    with override_settings(GATEWAY_URL="http://gateway"):
        assert f"{reported} A command agent talks to its provider itself." in page(ana, session, "")
        Executor.objects.filter(pk=session.workspace_id).update(config={"gateway": "off"})
        assert f"{reported} The gateway is off in the workspace&#x27;s config." in page(ana, session, "")


def test_its_page_asks_as_few_queries_however_many_requests(ana: Client, session: Session) -> None:
    access = gateway.one_of_each(session)
    seen = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page(ana, session)
        seen.append(len(queries))
        for _ in range(5):
            requests.wait(access, gateway.bounded("0.1"), gateway=gateway.GATEWAY, reason="it waits for money")
    with CaptureQueriesContext(connection) as queries:
        page(ana, session, "")
    assert max(*seen, len(queries)) <= MOST_QUERIES and seen[0] == seen[1], (seen, len(queries))


def test_the_tab_refreshes_itself(ana: Client, session: Session) -> None:
    gateway.one_of_each(session)
    address = f"/w/{session.workspace_id}/sessions/{session.pk}/"
    part = ana.get(address, {"tab": "requests", "fragment": "requests"}, headers=HTMX).content.decode()
    assert 'data-live="workers budget"' in part and "<nav" not in part
