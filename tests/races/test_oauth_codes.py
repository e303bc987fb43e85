"""A code of a program that comes several times at once."""

import pytest

from tests.factories import a_workspace
from tests.races.crowd import at_once
from tests.workspaces.oauth import program
from workspaces.models import ApiToken
from workspaces.oauth import clients


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_a_token_and_it_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them was not the program, and which one it was is not known."""
    clients.forget()
    monkeypatch.setattr(clients, "_fetched", lambda address: program.document())
    code = program.code(program.member("bea", a_workspace()))
    answers = at_once([lambda: program.redeem(code).status_code for _ in range(6)])
    assert sorted(answers) == [200] + [400] * 5
    assert ApiToken.objects.get().revoked_at is not None
