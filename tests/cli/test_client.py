"""The Python client: typed answers of every kind, from the real API."""

import pytest

from tests.cli.terminal import URL, InProcess
from tests.factories import a_session, a_token, an_entry
from workspaces.models import Workspace


@pytest.mark.django_db
def test_calls_answer_typed_values(workspace: Workspace) -> None:
    from muster_client import AuthenticatedClient
    from muster_client.api.budget import budget_edit, budget_get_status
    from muster_client.api.executor import executor_get_status, executor_start
    from muster_client.api.sessions import session_get
    from muster_client.api.todo import todo_entry_get, todo_get
    from muster_client.models import EditedOut, EntryBudgetChange, Named, SessionOut, Started, StatusOut, Todo

    client = AuthenticatedClient(base_url=URL, token=a_token(), httpx_args={"transport": InProcess()})
    session = a_session(an_entry(workspace))
    assert executor_start.sync(workspace.pk, client=client) == Started(started=True)
    assert executor_get_status.sync(workspace.pk, client=client).active_workers == 1
    todo = todo_get.sync(workspace.pk, client=client)
    assert isinstance(todo, Todo) and [entry.seq for entry in todo.entries] == [1]
    assert isinstance(session_get.sync(workspace.pk, session.pk, client=client), SessionOut)
    assert isinstance(budget_get_status.sync(workspace.pk, client=client), StatusOut)
    edited = budget_edit.sync(workspace.pk, session.entry_id, client=client, body=EntryBudgetChange(7))
    assert isinstance(edited, EditedOut) and edited.locked
    refused = todo_entry_get.sync(workspace.pk, "entry_x", client=client)
    assert isinstance(refused, Named) and refused.data.message == "Entry not found"
