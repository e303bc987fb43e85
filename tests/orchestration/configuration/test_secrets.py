"""Secrets: encrypted at rest, masked in stored output."""

import pytest
from django.test import override_settings

from orchestration.configuration import secrets
from orchestration.models import AgentCheck, Secret
from tests.factories import ANA, a_workspace
from workspaces.errors import Invalid, NotFound
from workspaces.models import Event

pytestmark = pytest.mark.django_db


def test_a_secret_can_be_read_back_and_is_stored_encrypted() -> None:
    workspace = a_workspace()
    secrets.put(workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    assert secrets.for_agents(workspace.pk) == {"API_KEY": "sk-very-secret"}
    assert b"sk-very-secret" not in bytes(Secret.objects.get().sealed)


def test_the_event_records_the_actor_and_not_the_value() -> None:
    workspace = a_workspace()
    secrets.put(workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    event = Event.objects.get(verb="secret.set")
    assert (event.actor, event.data) == (ANA.name, {"name": "API_KEY"})


def test_with_another_server_key_the_error_asks_to_set_it_again() -> None:
    workspace = a_workspace()
    secrets.put(workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    with override_settings(SECRET_KEY="another one"), pytest.raises(secrets.Sealed, match=r"API_KEY.*set it again"):
        secrets.for_agents(workspace.pk)


@pytest.mark.parametrize(
    ("name", "value"), [("1A", "x"), ("MUSTER_TOKEN", "x"), ("A-B", "x"), ("A", ""), ("A", "x\0"), ("A", "x" * 20_000)]
)
def test_a_name_or_value_that_no_variable_can_have_is_refused(name: str, value: str) -> None:
    with pytest.raises(Invalid):
        secrets.put(a_workspace().pk, name, value, by=ANA)


def test_secrets_are_of_one_workspace() -> None:
    mine, theirs = a_workspace(), a_workspace(name="Other")
    for workspace, value in ((mine, "my-value-1"), (theirs, "their-value-2")):
        secrets.put(workspace.pk, "FORGE_TOKEN", f"token-{value}", by=ANA)
        for name in ("B", "A"):
            secrets.put(workspace.pk, name, f"{name}-{value}", by=ANA)
    assert secrets.for_agents(mine.pk) == {"A": "A-my-value-1", "B": "B-my-value-1"}
    assert secrets.own(mine.pk, "FORGE_TOKEN") == "token-my-value-1" and secrets.own(mine.pk, "FORGE_WEBHOOK_SECRET") == ""
    assert secrets.names(mine.pk) == ["A", "B"]
    assert secrets.mask_for(mine.pk, {})("A-my-value-1 token-my-value-1") == "[secret A] [secret FORGE_TOKEN]"
    secrets.remove(mine.pk, "A", by=ANA)
    assert secrets.names(mine.pk) == ["B"] and secrets.names(theirs.pk) == ["A", "B"]
    with pytest.raises(NotFound):
        secrets.remove(mine.pk, "A", by=ANA)


def test_a_secret_is_replaced_where_no_other_may_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "MAX_SECRETS", 2)
    mine, theirs = a_workspace(), a_workspace(name="Other")
    for workspace, name in ((theirs, "X"), (mine, "A"), (mine, "B")):
        secrets.put(workspace.pk, name, "value-1", by=ANA)
    secrets.put(mine.pk, "B", "value-2", by=ANA)
    with pytest.raises(Invalid, match="at most 2"):
        secrets.put(mine.pk, "X", "value-1", by=ANA)
    assert secrets.for_agents(mine.pk) == {"A": "value-1", "B": "value-2"}
    verbs = Event.objects.filter(workspace=mine).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["secret.set", "secret.set", "secret.replaced"]


@pytest.mark.parametrize("value", ["x", "x" * 16_000])
def test_a_value_may_be_short_or_long(value: str) -> None:
    workspace = a_workspace()
    assert secrets.put(workspace.pk, "_" + "A" * 99, value, by=ANA).changed_by == "ana"
    with pytest.raises(Invalid):
        secrets.put(workspace.pk, "_" + "A" * 100, value, by=ANA)


def test_agents_are_checked_again_whenever_a_secret_changes() -> None:
    workspace = a_workspace()
    for n, change in enumerate(
        (lambda: secrets.put(workspace.pk, "A", "x", by=ANA), lambda: secrets.remove(workspace.pk, "A", by=ANA))
    ):
        change()
        assert (AgentCheck.objects.get().due, AgentCheck.objects.get().requests) == (True, n + 1)
        AgentCheck.objects.update(due=False)


def test_the_password_of_the_repository_is_masked_with_or_without_the_servers_key() -> None:
    workspace = a_workspace()
    workspace.origin = "https://bot:pass-word-9@git.example.com/x"
    workspace.save()
    secrets.put(workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    assert "pass-word-9" not in secrets.mask_for(workspace.pk, {})("pass-word-9")
    with override_settings(SECRET_KEY="another one"):
        assert "pass-word-9" not in secrets.mask_for(workspace.pk, {})("pass-word-9")
