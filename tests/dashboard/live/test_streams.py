"""The streams of change notifications, through a real server."""

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis.asyncio
from django.contrib.auth.models import User
from django.test import Client

from dashboard.live import streams
from orchestration.messaging import publishing, wake_ups
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.server import serving
from workspaces.models import Membership, Workspace
from workspaces.people import tokens


@pytest.fixture
def address(transactional_db: None) -> Iterator[str]:
    with serving() as events_seen:
        yield events_seen


@pytest.fixture
def small(transactional_db: None) -> Workspace:
    return seed.empty()


def cookie_of(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}


@contextlib.contextmanager
def reading(address: str, path: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
    link = http.client.HTTPConnection(urlsplit(address).netloc, timeout=5)
    link.request("GET", path, headers=headers)
    response = link.getresponse()
    try:
        yield response
    finally:
        response.close()
        link.close()


def events(response: http.client.HTTPResponse, number: int) -> list[str]:
    """The names of the next events."""
    lines: list[str] = []
    while len(lines) < number:
        line = response.readline()
        assert line, "the stream ended"
        if line.startswith(b"event: "):
            lines.append(line.decode().split(": ")[1].strip())
    return lines


def settle() -> None:
    """The subscription is made in the background."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not publishing.client().pubsub_numpat():
        time.sleep(0.01)


def test_a_page_is_notified_of_its_workspace_only(address: str, small: Workspace) -> None:
    other = seed.empty("Other")
    with reading(address, f"/w/{small.pk}/events/", cookie_of(seed.user("ana"))) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-cache" and response.headers["X-Accel-Buffering"] == "no"
        assert events(response, 1) == ["hb"]
        settle()
        wake_ups.publish_change(other.pk, "locks")
        wake_ups.publish_change(small.pk, "workers", "entries", "nonsense")
        assert set(events(response, 2)) == {"workers", "entries"}


def test_a_burst_is_one_notification(address: str, small: Workspace) -> None:
    with reading(address, f"/w/{small.pk}/events/", cookie_of(seed.user("ana"))) as response:
        events(response, 1)
        settle()
        for _ in range(50):
            wake_ups.publish_change(small.pk, "budget")
        assert events(response, 2) == ["budget", "budget"]  # the first at once, the rest together
        wake_ups.publish_change(small.pk, "locks")
        assert events(response, 1) == ["locks"]


@pytest.mark.alone
def test_a_change_arrives_within_a_tenth_of_a_second(address: str, small: Workspace) -> None:
    with reading(address, f"/w/{small.pk}/events/", cookie_of(seed.user("ana"))) as response:
        events(response, 1)
        settle()
        began = time.monotonic()
        wake_ups.publish_change(small.pk, "workers")
        events(response, 1)
        assert time.monotonic() - began < 0.1


def test_programs_use_a_token_and_are_refused_in_the_contracts_shape(address: str, small: Workspace) -> None:
    path = f"/api/v1/workspaces/{small.pk}/orchestration/events"
    with reading(address, path, {"Authorization": f"Bearer {tokens.create('watcher', role='viewer')}"}) as response:
        assert response.status == 200 and events(response, 1) == ["hb"]
    for headers in ({}, {"Authorization": "Bearer muster_wrong"}, cookie_of(seed.user("ana")) | {"Authorization": "Bearer x"}):
        with reading(address, path, headers) as response:
            assert response.status == 401 and json.load(response)["name"] == "UnauthorizedError"
    elsewhere = tokens.create("elsewhere", workspace=seed.empty("Other"))
    with reading(address, path, {"Authorization": f"Bearer {elsewhere}"}) as response:
        assert response.status == 404 and json.load(response) == {
            "name": "NotFoundError",
            "data": {"message": "Workspace not found"},
        }


def test_a_stream_ends_when_its_reader_may_no_longer_see(address: str, small: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RECHECK_S", 0.2)
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.1)
    vera = seed.user("vera", role="viewer", workspace=small)
    with reading(address, f"/w/{small.pk}/events/", cookie_of(vera)) as response:
        events(response, 5)
        Membership.objects.all().delete()
        while response.readline():
            pass


def test_one_caller_has_so_many_streams_and_no_more(address: str, small: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_PER_CALLER", 2)
    headers = cookie_of(seed.user("ana"))
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            events(stack.enter_context(reading(address, f"/w/{small.pk}/events/", headers)), 1)
        assert stack.enter_context(reading(address, f"/w/{small.pk}/events/", headers)).status == 429


def test_a_token_of_the_same_name_takes_no_streams_from_another(
    address: str, small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_PER_CALLER", 1)
    mine, theirs = ({"Authorization": f"Bearer {tokens.create('ci', workspace=small)}"} for _ in range(2))
    path = f"/api/v1/workspaces/{small.pk}/orchestration/events"
    with reading(address, path, theirs) as other, reading(address, path, mine) as response:
        assert events(other, 1) == events(response, 1) == ["hb"]


def test_a_reader_that_goes_leaves_nothing_behind(address: str, small: Workspace) -> None:
    with reading(address, f"/w/{small.pk}/events/", cookie_of(seed.user("ana"))) as response:
        events(response, 1)
        settle()
        assert streams._open == {"ana": 1}
    deadline = time.monotonic() + 5
    while (streams._open or publishing.client().pubsub_numpat()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not streams._open and publishing.client().pubsub_numpat() == 0


def test_without_valkey_heartbeats_continue_and_then_all_topics_change(
    address: str, small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.1)
    real = redis.asyncio.Redis.from_url
    monkeypatch.setattr(redis.asyncio.Redis, "from_url", lambda url, **_: real("unix:///nowhere/valkey.sock"))
    with reading(address, f"/w/{small.pk}/events/", cookie_of(seed.user("ana"))) as response:
        assert events(response, 4) == ["hb"] * 4
        monkeypatch.setattr(redis.asyncio.Redis, "from_url", real)
        events_seen: set[str] = set()
        while not events_seen.issuperset(streams.TOPICS):
            events_seen |= set(events(response, 1))
