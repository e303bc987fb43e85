"""The token with which an agent reports: it lives as long as its session."""

import pytest

from orchestration.models import Session
from orchestration.sessions import Superseded
from orchestration.worker.agent_run import process
from tests.factories import a_session, a_workspace, an_entry, ended
from workspaces.models import ApiToken

pytestmark = pytest.mark.django_db


def test_a_session_that_another_worker_ended_meanwhile_gets_no_token_that_lives() -> None:
    session = a_session(an_entry(a_workspace()))
    ended(Session.objects.get(pk=session.pk))
    with pytest.raises(Superseded):
        process._token(session)
    assert not ApiToken.objects.filter(revoked_at__isnull=True).exists()


def test_a_token_ends_with_its_session() -> None:
    session = a_session(an_entry(a_workspace()))
    process._token(session)
    ended(session)
    assert not ApiToken.objects.filter(revoked_at__isnull=True).exists()
