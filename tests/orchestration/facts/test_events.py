"""The registry of events: every sentence is filled from what its writer records, every verb has one class and a writer."""

import ast
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from django.conf import settings

from budget import events as budget_events
from dashboard.shared.texts import event_text
from dashboard.shared.texts.labels import Link
from orchestration.backlog import entry_actions
from orchestration.executor import dispatch
from orchestration.facts import events as orchestration_events
from orchestration.models import Session
from tests.cases import all_cases
from tests.factories import ANA, a_channel, a_worker, a_workspace, an_entry
from workspaces.activity import events
from workspaces.activity.events import ActivityEvent
from workspaces.models import Delivery, Event
from workspaces.notices.kinds import messages

REGISTERED = events.registered()
PRODUCT = ("workspaces", "budget", "orchestration", "dashboard")
BY_TRIGGERS = {"budget.threshold", "budget.limit"}


def sample(type_: Any) -> Any:
    """A value that a writer could record."""
    if get_origin(type_) in (Union, types.UnionType):
        return sample(get_args(type_)[0])
    if get_origin(type_) in (list, Sequence):
        return [sample(get_args(type_)[0])]
    if get_origin(type_) is dict:
        return {"key": "value"}
    return {str: "text", int: 3, float: 1.25, bool: True}.get(type_, "text")


def filled(event: type[ActivityEvent]) -> ActivityEvent:
    types_ = get_type_hints(event)
    return event(**{name: sample(types_[name]) for name in event.field_defaults})


def shown(verb: str, data: Any) -> str:
    return "".join(text for text, _ in event_text.sentence(verb, data, Link("#1", "/there/")))


def test_every_sentence_is_filled_from_what_its_writer_records() -> None:
    with all_cases() as case:
        for verb, kind in REGISTERED.items():
            with case(verb):
                event = filled(kind)
                sentence = shown(verb, event.data())
                assert sentence and "{" not in sentence and "None" not in sentence
                assert kind.read(event.data()).data() == event.data()


@pytest.mark.parametrize("data", [{}, None, {"of": "another version"}])
def test_an_event_of_another_version_still_has_a_sentence(data: Any) -> None:
    with all_cases() as case:
        for verb in REGISTERED:
            with case(verb):
                sentence = shown(verb, data)
                assert sentence and "{" not in sentence and "None" not in sentence


def test_an_unknown_verb_is_readable() -> None:
    assert event_text.sentence("entry.not_known_yet", {}, None) == [("entry: not known yet", "")]
    assert event_text.symbol("entry.not_known_yet") == "dot"


def test_reclaimed_money_is_an_amount_in_its_sentence() -> None:
    sentence = "reclaimed $1.50 from 2 entries to fund first rounds of other entries"
    assert shown("budget.made_room", {"changed": 2, "freed_usd": 1.5}) == sentence


def test_a_verb_is_registered_once() -> None:
    with pytest.raises(ValueError, match=r"entry\.held is registered already"):

        class Another(ActivityEvent, verb="entry.held", sentence="did it again"):
            pass


def test_every_outcome_of_a_session_is_an_event() -> None:
    assert orchestration_events.SESSION_ENDED.keys() == set(Session.Outcome.values)
    assert all(event.verb == f"session.{outcome}" for outcome, event in orchestration_events.SESSION_ENDED.items())


def sources() -> list[tuple[Path, ast.Module]]:
    paths = [path for app in PRODUCT for path in Path(settings.BASE_DIR, app).rglob("*.py")]
    product = [path for path in paths if not {"migrations", "stages"} & set(path.parts) and path.name != "events.py"]
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in product]


def test_every_event_has_a_writer_and_no_verb_is_written_as_text() -> None:
    used, spelled = set(), []
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                used.add(node.attr)
            if isinstance(node, ast.Constant) and node.value in REGISTERED:
                spelled.append(f"{path}:{node.lineno} {node.value}")
    modules = (events, budget_events, orchestration_events)
    written = {id(value) for module in modules for name, value in vars(module).items() if name in used}
    written |= set(map(id, orchestration_events.SESSION_ENDED.values())) if "SESSION_ENDED" in used else set()
    assert {verb for verb, event in REGISTERED.items() if id(event) not in written} == BY_TRIGGERS and spelled == []


@pytest.mark.django_db
def test_both_writers_of_a_blocked_entry_notify_with_the_same_details() -> None:
    workspace = a_workspace()
    a_channel(workspace, "Ops", "entry.blocked")
    a_worker()
    poor = an_entry(workspace, budget="0.0001")
    dispatch.cycle(workspace.pk)
    on_hold = an_entry(workspace)
    entry_actions.put_on_hold(on_hold, by=ANA)
    payloads = [messages.payload(delivery)["data"] for delivery in Delivery.objects.order_by("id")]
    assert [payload["object_id"] for payload in payloads] == [poor.pk, on_hold.pk]
    assert [set(payload["details"]) for payload in payloads] == [{"code", "entry", "seq", "title"}] * 2
    assert payloads[0]["details"]["seq"] == poor.seq and payloads[0]["details"]["title"] == poor.title


@pytest.mark.django_db
def test_an_old_event_of_a_blocked_entry_is_still_shown() -> None:
    workspace = a_workspace()
    entry = an_entry(workspace)
    Event.objects.create(workspace=workspace, actor="muster", verb="entry.blocked", object_id=entry.pk, data={"code": "x"})
    assert shown("entry.blocked", Event.objects.get(verb="entry.blocked").data) == "blocked #1"
