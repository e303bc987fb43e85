"""The streams of one process, without a server: which changes reach which page, and what is left when a page goes."""

import asyncio
import json
from typing import Any

import pytest

from dashboard.live import streams, subscriptions
from dashboard.live.subscriptions import Hub, Stream


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    async def listen(self: Hub) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Hub, "_listen", listen)
    return Hub()


def message(channel: str, topics: Any) -> dict[str, Any]:
    return {"type": "pmessage", "channel": f"muster:changes:{channel}".encode(), "data": json.dumps(topics).encode()}


def test_a_stream_has_the_newest_version_of_its_topics_once() -> None:
    async def run() -> list[dict[str, int]]:
        stream = Stream(frozenset({"entries", "locks"}))
        stream.publish({"budget": 1})
        nothing = await stream.next_changes(0)
        stream.publish({"entries": 2, "budget": 2})
        stream.publish({"entries": 3})
        stream.publish({"locks": 1})
        return [nothing, await stream.next_changes(9), await stream.next_changes(0)]

    assert asyncio.run(run()) == [{}, {"entries": 3, "locks": 1}, {}]


def test_a_change_reaches_the_pages_of_its_workspace_with_a_version_that_grows(hub: Hub) -> None:
    async def run() -> list[dict[str, int]]:
        both = frozenset({"entries", "locks"})
        async with (
            hub.subscribe("ws_1", both) as first,
            hub.subscribe("ws_1", frozenset({"locks"})) as second,
            hub.subscribe("ws_2", both) as other,
        ):
            hub._on_message(message("ws_1", ["entries", 7, "odd"]))
            seen = [await stream.next_changes(0) for stream in (first, second, other)]
            hub._on_message(message("ws_1", ["locks"]))
            seen += [await stream.next_changes(0) for stream in (first, second, other)]
            for odd in (
                message("ws_3", ["locks"]),
                message("ws_1", []),
                {"type": "psubscribe"},
                {**message("ws_1", []), "data": b"{"},
            ):
                hub._on_message(odd)
            return seen + [await stream.next_changes(0) for stream in (first, second, other)]

    start = hub._version
    assert asyncio.run(run()) == [{"entries": start + 1}, {}, {}, {"locks": start + 2}, {"locks": start + 2}, {}, {}, {}, {}]


def test_a_tick_is_remembered_and_reaches_those_that_asked(hub: Hub) -> None:
    async def run() -> list[set[str]]:
        async with hub.subscribe("ws_1", frozenset({"tick"})) as asked, hub.subscribe("ws_2", frozenset({"entries"})) as other:
            hub._on_message({"type": "message"})
            return [set(await stream.next_changes(0)) for stream in (asked, other)]

    assert hub.ticked_at is None
    assert asyncio.run(run()) == [{"tick"}, set()] and hub.ticked_at is not None


def test_after_a_loss_every_page_is_notified_of_all_of_its_topics(hub: Hub) -> None:
    async def run() -> list[dict[str, int]]:
        async with (
            hub.subscribe("ws_1", frozenset({"entries"})) as first,
            hub.subscribe("ws_2", frozenset({"locks", "tick"})) as second,
        ):
            hub._publish_all()
            return [await stream.next_changes(0) for stream in (first, second)]

    start = hub._version
    assert asyncio.run(run()) == [{"entries": start + 1}, {"locks": start + 1, "tick": start + 1}]


def test_the_subscription_lives_as_long_as_there_is_a_page(hub: Hub) -> None:
    async def run() -> list[bool]:
        topics, seen = frozenset({"entries"}), []
        async with hub.subscribe("ws_1", topics):
            task = hub._task
            async with hub.subscribe("ws_1", topics):
                seen.append(hub._task is task)
            seen += [hub._task is task, list(hub._streams) == ["ws_1"]]
        return [*seen, hub._task is None, task is not None and task.done(), not hub._streams]

    assert asyncio.run(run()) == [True] * 6


LOG = f"log-sess_{'a' * 20}"


@pytest.mark.parametrize(
    ("requested", "topics"),
    [
        ("", set(streams.TOPICS)), ("odd", set(streams.TOPICS)), ("entries,odd", {"entries"}), (f"tick,{LOG}", {"tick", LOG}),
        (f"locks,x{LOG}", {"locks"}), ("log-sess_a", set(streams.TOPICS)), (",".join(["odd"] * 20 + ["locks"]), set(streams.TOPICS)),
        (",".join(["odd"] * 19 + ["locks"]), {"locks"}),
    ],
)  # fmt: skip
def test_only_known_topics_are_streamed_and_the_usual_ones_without_any(requested: str, topics: set[str]) -> None:
    assert streams._topics(requested) == topics


def test_a_heartbeat_has_its_number_the_build_and_the_last_tick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.BUILD = "abc"
    monkeypatch.setattr(subscriptions.hub, "ticked_at", 5.5)
    event, data, *_ = streams._heartbeat(3).decode().split("\n")
    payload = json.loads(data.removeprefix("data: "))
    assert event == "event: hb" and payload.pop("at") > 0 and payload == {"seq": 3, "build": "abc", "tick": 5.5}
