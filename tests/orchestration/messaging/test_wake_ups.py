"""Wake-ups go out once the change is committed, to the queue and the channel of those who wait for it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from orchestration.messaging import publishing, wake_ups

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    messages: list[tuple[Any, ...]] = []
    monkeypatch.setattr(publishing, "enqueue", lambda task, calls, *, queue: messages.append((task, [*calls], queue)))
    monkeypatch.setattr(publishing, "publish", lambda channel, message: messages.append((channel, message)))
    return messages


WAKE_UPS: list[tuple[Callable[[], None], tuple[Any, ...]]] = [
    (lambda: wake_ups.enqueue_cycle("ws_1"), (wake_ups.CYCLE_TASK, [["ws_1"]], "control")),
    (lambda: wake_ups.enqueue_share_out("ws_1"), (wake_ups.SHARE_OUT_TASK, [["ws_1"]], "control")),
    (wake_ups.enqueue_deliveries, (wake_ups.DELIVER_TASK, [[]], "control")),
    (lambda: wake_ups.publish_change("ws_1", "entries", "locks"), ("muster:changes:ws_1", json.dumps(["entries", "locks"]))),
    (wake_ups.request_check, ("muster:checks", "")),
    (lambda: wake_ups.enqueue_sessions([("sess_1", 1, "")]), (wake_ups.SESSION_TASK, [["sess_1", 1]], "claims")),
]


@pytest.mark.parametrize(("wake", "message"), WAKE_UPS)
def test_each_goes_out_after_the_commit(
    sent: list[Any], django_capture_on_commit_callbacks: Any, wake: Callable[[], None], message: tuple[Any, ...]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        wake()
        assert sent == []
    assert sent == [message]


def test_what_is_rolled_back_sends_no_message(sent: list[Any], django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(ZeroDivisionError), transaction.atomic():
        wake_ups.enqueue_cycle("ws_1")
        _ = 1 / 0
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_that_fails_does_not_fail_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("away")

    for name in ("enqueue", "publish"):
        monkeypatch.setattr(publishing, name, fail)
    for wake, _ in WAKE_UPS:
        with transaction.atomic():
            wake()


def test_the_claims_of_a_host_are_one_message_in_its_own_queue(sent: list[Any], django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        wake_ups.enqueue_sessions([("sess_1", 1, "host_a"), ("sess_2", 3, ""), ("sess_3", 1, "host_a")])
    assert sorted(sent) == [
        (wake_ups.SESSION_TASK, [["sess_1", 1], ["sess_3", 1]], "claims.host_a"),
        (wake_ups.SESSION_TASK, [["sess_2", 3]], "claims"),
    ]


def test_after_a_failure_nothing_is_sent_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    at, tried = [100.0], list[str]()

    class Away:
        def publish(self, channel: str, message: str) -> None:
            tried.append(message)
            raise ConnectionError("away")

    monkeypatch.setattr(publishing, "_quiet_until", 0.0)
    monkeypatch.setattr(publishing, "client", Away)
    monkeypatch.setattr(publishing.time, "monotonic", lambda: at[0])
    for seconds, message in ((0.0, "first"), (publishing.QUIET_S - 0.1, "dropped"), (publishing.QUIET_S, "second")):
        at[0] = 100.0 + seconds
        publishing.publish("news", message)
    assert tried == ["first", "second"]
