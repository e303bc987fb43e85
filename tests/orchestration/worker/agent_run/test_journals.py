"""The usage of a dead worker's agents is booked from their files."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from budget.models import LedgerEntry
from orchestration import configuration
from orchestration.configuration import secrets
from orchestration.sessions import session_dir
from orchestration.worker.agent_run import journals
from tests.factories import ANA, a_session, a_workspace, an_entry
from tests.orchestration.proposals.made import PLANNER, a_running_run

pytestmark = pytest.mark.django_db


def test_a_dead_sessions_usage_is_booked_despite_a_broken_seal(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    workspace = a_workspace()
    secrets.put(workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    session = a_session(an_entry(workspace))
    record = session_dir.prepare(session, session.entry).record_for("implement")
    record.journal.write_text(json.dumps({"type": "usage", "id": "1", "cost_usd": 0.02}) + "\n")
    record.status.write_text(json.dumps({"exit_code": 0}))
    with override_settings(SECRET_KEY="another one"):
        assert journals.book_journals(session, configuration.Config())
    assert LedgerEntry.objects.get(session_ref=session.pk).amount == 20_000


def test_both_turns_of_a_dead_planner_are_booked_once_each(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    session = a_running_run(a_workspace(planner=PLANNER))
    directory = session_dir.prepare_run(session)
    for name, cost in (("plan", 0.02), ("plan-2", 0.03)):
        record = directory.record_for(name)
        record.journal.write_text(json.dumps({"type": "usage", "id": "1", "cost_usd": cost}) + "\n")
        record.status.write_text(json.dumps({"exit_code": 0}))
    config = configuration.load(session.workspace.executor.config)
    assert journals.book_journals(session, config) and journals.book_journals(session, config)
    rows = LedgerEntry.objects.filter(session_ref=session.pk).order_by("amount").values_list("category", "amount")
    assert list(rows) == [("orchestrator", 20_000), ("orchestrator", 30_000)]
