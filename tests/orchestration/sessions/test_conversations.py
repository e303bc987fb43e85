"""The threads of agents: one for each entry or run, role and CLI."""

import pytest

from orchestration.sessions import conversations
from tests.factories import a_workspace, an_entry
from tests.orchestration.proposals import made

pytestmark = pytest.mark.django_db
PLACES = [("implement", "codex"), ("implement", "claude_code"), ("review", "codex")]


def threads(owner_id: str) -> list[str | None]:
    matches = [conversations.find(owner_id, role, kind) for role, kind in PLACES]
    return [match and match[0] for match in matches]


def test_each_owner_role_and_cli_has_a_thread_of_its_own() -> None:
    shop = a_workspace(planner=made.PLANNER)
    owners = [an_entry(shop).pk, an_entry(shop).pk, made.a_running_run(shop).pk]
    for owner in owners:
        for number, (role, kind) in enumerate(PLACES):
            conversations.keep(owner, role, kind, "older", {})
            conversations.keep(owner, role, kind, f"{owner} {number}", {"input": number})
    every = {owner: [f"{owner} {number}" for number in range(3)] for owner in owners}
    assert {owner: threads(owner) for owner in owners} == every
    assert conversations.find(owners[0], "review", "codex") == (f"{owners[0]} 2", {"input": 2})
    conversations.forget(owners[0], role="implement", kind="codex")
    conversations.forget(owners[1], role="implement")
    conversations.forget(owners[2], kind="codex")
    first, second, third = (every[owner] for owner in owners)
    assert threads(owners[0]) == [None, *first[1:]]
    assert threads(owners[1]) == [None, None, second[2]]
    assert threads(owners[2]) == [None, third[1], None]
    conversations.forget(owners[0])
    assert threads(owners[0]) == [None] * 3 and threads(owners[1]) == [None, None, second[2]]


def test_a_thread_with_a_long_name_is_kept_by_its_beginning() -> None:
    entry = an_entry(a_workspace())
    conversations.keep(entry.pk, "implement", "codex", "x" * 300, {})
    assert conversations.find(entry.pk, "implement", "codex") == ("x" * 200, {})
