"""The order of the ready line is spelled once, and its index and its pages follow it."""

import json
import random
from dataclasses import replace

import pytest

from orchestration.executor import explain, ready_line, snapshot
from orchestration.executor.agent_choice import Agents, Terms
from orchestration.executor.plan import CycleInput, Waiting
from orchestration.hosts.placing import Host
from orchestration.models import Entry
from tests.factories import a_worker, a_workspace, some_entries


def test_the_index_has_the_fields_of_the_order() -> None:
    index = next(index for index in Entry._meta.indexes if index.name == "ready_line")
    assert index.fields == ["workspace", *ready_line.FIELDS]


@pytest.mark.django_db
def test_the_line_its_pages_and_the_model_agree_on_the_order() -> None:
    a_worker()
    workspace = a_workspace()
    dice = random.Random(4)
    for entry in some_entries(workspace, *(f"Entry {n}" for n in range(12))):
        Entry.objects.filter(pk=entry.pk).update(has_rounds=dice.random() < 0.5, priority=dice.randint(1, 3))
    in_line = snapshot.line(workspace.pk, snapshot.cycle_input(workspace.pk, lock=False), 20)
    assert in_line == sorted(in_line, key=ready_line.place)
    assert [row.id for row in in_line] == list(Entry.objects.order_by(*ready_line.FIELDS).values_list("pk", flat=True))
    _, behind = explain.explain(workspace.pk, after=ready_line.place(in_line[4]))
    assert [explanation.entry.id for explanation in behind] == [row.id for row in in_line[5:]]


def test_entries_with_rounds_stand_before_the_more_important_and_those_before_the_older() -> None:
    line = [
        Waiting("a", 9, 0, has_rounds=True, priority=3),
        Waiting("b", 2, 0, priority=1),
        Waiting("c", 3, 0, priority=1),
        Waiting("d", 1, 0, priority=2),
    ]
    assert sorted((line[n] for n in (2, 3, 1, 0)), key=ready_line.place) == line
    assert ready_line.order("e") == "e.has_rounds DESC, e.priority, e.seq"


def test_an_opening_is_a_free_slot_of_a_host_that_takes_sessions_and_has_the_labels_of_the_workspace() -> None:
    """A host without the agent is one for work that is only verified; of an only host, the session finds that out."""
    fits = Host("fits", "Fits", free=1, slots=4, busy=3, agents=frozenset({"codex", "gemini"}), labels=frozenset({"gpu", "eu"}))
    hosts = (
        fits,
        replace(fits, id="without the agent", agents=frozenset({"gemini"})),
        replace(fits, id="busy", free=0),
        replace(fits, id="more sessions than slots", free=-2),
        replace(fits, id="drained", is_draining=True),
        replace(fits, id="in trouble", problem="Its disk is full."),
        replace(fits, id="without the label", labels=frozenset({"gpu"})),
        replace(fits, id="with no more", labels=frozenset({"eu"}), free=9, slots=9, busy=0),
    )
    cycle_input = CycleInput("running", 4, 4, 4, 0, 0, 0, hosts=hosts, agents=Agents({"": Terms(frozenset({"codex"})), "g": Terms(frozenset({"gemini"}), chain=("g",))}), labels=frozenset({"eu"}))  # fmt: skip
    assert json.loads(ready_line.openings(cycle_input)) == [
        {"id": "fits", "agent": " ", "labels": '["eu", "gpu"]'},
        {"id": "fits", "agent": "", "labels": '["eu", "gpu"]'},
        {"id": "fits", "agent": "g", "labels": '["eu", "gpu"]'},
        {"id": "without the agent", "agent": " ", "labels": '["eu", "gpu"]'},
        {"id": "without the agent", "agent": "g", "labels": '["eu", "gpu"]'},
        {"id": "with no more", "agent": " ", "labels": '["eu"]'},
        {"id": "with no more", "agent": "", "labels": '["eu"]'},
        {"id": "with no more", "agent": "g", "labels": '["eu"]'},
    ]
    assert json.loads(ready_line.openings(replace(cycle_input, hosts=()))) == []
    alone = json.loads(ready_line.openings(replace(cycle_input, hosts=hosts[:2], labels=frozenset())))
    assert {opening["id"] for opening in alone} == {"fits", "without the agent"}
    only = json.loads(ready_line.openings(replace(cycle_input, hosts=hosts[1:2])))
    assert [opening["agent"] for opening in only] == [" ", "", "g"]
