"""A line of activity has who did it and why; who waits for notices hears of it after the commit."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import User

from tests.factories import ANA, a_workspace, blocked_event
from workspaces import activity
from workspaces.access import MUSTER, of_user
from workspaces.activity import events
from workspaces.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def received() -> Iterator[list[Any]]:
    senders: list[Any] = []

    def receive(sender: Any, **_: Any) -> None:
        senders.append(sender)

    activity.recorded.connect(receive)
    yield senders
    activity.recorded.disconnect(receive)


def test_a_line_has_its_actor_its_reason_and_its_request() -> None:
    workspace, bea = a_workspace(), User.objects.create_user("bea")
    with structlog.contextvars.bound_contextvars(request_id="req-1"):
        by_person = activity.record(workspace.pk, blocked_event(), by=of_user(bea), object_id="entry_1", reason="x" * 600)
    by_muster = activity.record(workspace.pk, blocked_event(), by=MUSTER)
    assert (by_person.actor, by_person.actor_kind, by_person.request_id) == ("bea", "human", "req-1")
    assert (by_person.object_id, by_person.reason, by_person.verb) == ("entry_1", "x" * 500, "entry.blocked")
    assert (by_muster.actor, by_muster.actor_kind, by_muster.request_id, by_muster.object_id) == ("muster", "automation", "", "")
    assert by_person.data == blocked_event().data() and Event.objects.filter(pk=by_person.pk).exists()


def test_only_what_channels_can_subscribe_to_wakes_the_sender_and_only_after_the_commit(
    received: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    workspace = a_workspace()
    with django_capture_on_commit_callbacks(execute=True):
        activity.record(workspace.pk, events.WorkspaceRenamed(before="a", after="b"), by=ANA)
        activity.row(workspace.pk, blocked_event(), by=ANA)
    assert received == []
    for n, caller in enumerate((ANA, MUSTER), start=1):
        with django_capture_on_commit_callbacks(execute=True):
            activity.record(workspace.pk, blocked_event(), by=caller)
            assert len(received) == n - 1
        assert received == [Event] * n


class Sample(events.ActivityEvent):
    """Without a verb: a base for others, and in no list."""

    name: str
    count: int | None
    tags: Sequence[str]
    note: str = events.optional(default="")
    kept: bool = events.optional(default=True)


def test_fields_that_are_optional_are_stored_only_with_another_value() -> None:
    sample = Sample(name="a", count=None, tags=["x", "y"])
    assert sample.data() == {"name": "a", "count": None, "tags": ["x", "y"]}
    assert Sample(name="", count=0, tags=[], note="n", kept=False).data() == {
        "name": "", "count": 0, "tags": [], "note": "n", "kept": False}  # fmt: skip
    assert sample.words() == {"name": "a", "count": "—", "tags": "x, y", "note": "", "kept": "True"}
    assert (events.plain(0), events.plain([]), events.plain("")) == ("0", "", "")


def test_a_line_of_an_older_version_is_read_with_empty_fields() -> None:
    assert vars(Sample.read({})) == vars(Sample(name="", count=None, tags=[], note="", kept=True))
    assert Sample.read({"kept": False}).kept is False
    read = Sample.read({"name": "a", "count": 3, "tags": ["x"], "gone": True})
    assert vars(read) == vars(Sample(name="a", count=3, tags=["x"]))


def test_a_verb_is_registered_once_and_an_unknown_one_is_none() -> None:
    with pytest.raises(ValueError, match=r"entry\.blocked is registered already"):
        type("Again", (events.ActivityEvent,), {}, verb="entry.blocked")
    assert events.lookup("entry.exploded") is None and events.lookup("entry.blocked") is type(blocked_event())
    assert list(events.registered()) == sorted(events.registered())


def test_channels_subscribe_to_what_has_a_notice_and_is_not_addressed() -> None:
    known = events.registered()
    addressed = {verb for verb, kind in known.items() if kind.addressed}
    assert addressed and not addressed & events.notices().keys()
    assert events.notices().keys() == {verb for verb, kind in known.items() if kind.notice} - addressed
    assert dict(events.notice_choices()) == events.notices()


def test_a_number_has_its_noun() -> None:
    assert [events.counted(n, "slot", "slots") for n in (0, 1, 2)] == ["0 slots", "1 slot", "2 slots"]
