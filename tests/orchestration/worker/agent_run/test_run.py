"""What is read of a process whose worker died."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from budget.models import LedgerEntry
from orchestration import configuration
from orchestration.configuration import secrets
from orchestration.sessions import session_dir
from orchestration.worker.agent_run import run as agent_run
from tests.factories import ANA, a_session, a_workspace, an_entry

pytestmark = pytest.mark.django_db


def test_a_broken_seal_keeps_no_dead_session_from_being_booked(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    workspace = a_workspace()
    secrets.put(workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    session = a_session(an_entry(workspace))
    left = session_dir.prepare(session, session.entry).record_of("implement")
    left.journal.write_text(json.dumps({"type": "usage", "id": "1", "cost_usd": 0.02}) + "\n")
    left.status.write_text(json.dumps({"exit_code": 0}))
    with override_settings(SECRET_KEY="another one"):
        assert agent_run.book_journals(session, configuration.Config())
    assert LedgerEntry.objects.get(session_ref=session.pk).amount == 20_000
