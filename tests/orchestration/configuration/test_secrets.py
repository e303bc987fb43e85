"""Secrets: encrypted at rest, masked in stored output."""

import pytest
from django.test import override_settings

from orchestration.configuration import secrets
from orchestration.models import Secret
from tests.factories import ANA, a_workspace
from workspaces.errors import Invalid
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
