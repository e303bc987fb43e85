"""An entry's next session has the host that fits best, or a sentence where none does."""

from dataclasses import replace

import pytest

from orchestration.hosts.placing import Host, Need, choose, why_none

FIRST = Host("h1", "one", free=1, agents=frozenset({"codex"}), labels=frozenset({"gpu"}))
SECOND = Host("h2", "two", free=3, agents=frozenset({"codex", "gemini"}))


def test_the_host_of_its_conversation_comes_first_then_the_one_with_most_slots() -> None:
    assert choose([FIRST, SECOND], Need(host="h1")) == FIRST
    assert choose([FIRST, SECOND], Need()) == SECOND
    assert choose([replace(FIRST, free=0), SECOND], Need(host="h1")) == SECOND


def test_work_that_is_on_one_host_only_goes_on_there() -> None:
    need = Need(host="h1", is_shared=False)
    assert choose([replace(FIRST, free=0), SECOND], need) is None
    assert choose([FIRST, SECOND], need) == FIRST


@pytest.mark.parametrize(
    ("hosts", "need", "sentence"),
    [
        ([FIRST, SECOND], Need(agents=frozenset({"aider"})), "No online host has aider"),
        ([FIRST, SECOND], Need(labels=frozenset({"eu"})), "No online host has the label eu"),
        ([FIRST, SECOND], Need(agents=frozenset({"gemini"}), labels=frozenset({"gpu"})), "has all of: gemini, gpu"),
        ([SECOND], Need(host="h1", is_shared=False), "has its newest work is not online"),
        ([SECOND], Need(host="h1", is_shared=False, host_name="one"), "one, the host that has its newest work, is not online"),
        ([replace(FIRST, is_draining=True)], Need(host="h1", is_shared=False), "takes no new sessions"),
        ([replace(FIRST, is_draining=True), replace(SECOND, is_draining=True)], Need(), "Every host takes no new sessions"),
        ([replace(FIRST, problem="No x.")], Need(host="h1", is_shared=False), "No x."),
        (
            [replace(FIRST, problem="x could not be used: no route"), SECOND],
            Need(labels=frozenset({"gpu"})),
            "one: x could not be used",
        ),
    ],
)
def test_why_no_host_fits(hosts: list[Host], need: Need, sentence: str) -> None:
    assert choose(hosts, need) is None
    assert sentence in why_none(hosts, need)
