"""`./muster ledger`: clean books exit with 0, drift is named and exits with 1, wrong arguments exit with 2."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models.functions import Now

from budget.amounts import usd
from budget.models import Account, DaySpend, Hold, LedgerEntry, Project, ThresholdCrossing
from orchestration.maintenance import audit
from orchestration.models import Session
from orchestration.sessions import metering
from orchestration.worker import reaper
from tests.factories import a_charge, a_session, a_workspace, an_entry, ended, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("ledger", *words, stdout=out)
    return out.getvalue()


def a_shop_with_history() -> Workspace:
    workspace = a_workspace()
    first, second = a_session(an_entry(workspace)), a_session(an_entry(workspace))
    for session in (first, second):
        metering.record(session, metering.Usage(id="1", cost=usd("0.25")))
    ended(first)
    a_charge(None, "60", category="orchestrator", in_=workspace)
    return workspace


def test_clean_books_are_one_line() -> None:
    a_shop_with_history()
    assert run("check") == "1 workspace, 3 ledger rows ($60.50), 1 open hold: everything adds up.\n"


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda: Project.objects.update(orchestrator_spent=1), "project: orchestrator_spent is $0.000001, its rows say $60.000000"),
        (lambda: Project.objects.update(held=0), "project: held is $0.000000, its rows say $0.750000"),
        (lambda: Account.objects.update(spent=7), "spent is $0.000007, its rows say $0.250000"),
        (lambda: DaySpend.objects.filter(category="entry").update(amount=7), ":entry: amount is $0.000007"),
        (lambda: Hold.objects.filter(state="settled").update(drawn=7), "drawn is $0.000007, its rows say $0.250000"),
        (lambda: ThresholdCrossing.objects.all().delete(), "threshold 50 %: the spend has passed it, and it was never reported"),
    ],
)  # fmt: skip
def test_drift_is_named_and_exits_with_1(spoil: object, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    a_shop_with_history()
    spoil()  # type: ignore[operator]
    with pytest.raises(SystemExit, match="1"):
        call_command("ledger", "check")
    assert line in capsys.readouterr().out


def test_an_open_reservation_of_an_ended_session_is_drift() -> None:
    session = a_session(an_entry(a_workspace()))
    Session.objects.filter(pk=session.pk).update(status="ended", ended_by_version="0.2.0", outcome="lost", ended_at=Now())
    [line] = audit.check(session.workspace_id).wrong
    assert "it is open, and its session" in line


def test_the_reservation_of_a_dead_session_is_open_for_lease_and_grace_and_then_awaits_its_host(settings: object) -> None:
    workspace = a_workspace()
    session = a_session(an_entry(workspace))
    lease = timedelta(seconds=settings.LEASE_S + settings.LEASE_GRACE_S)  # type: ignore[attr-defined]
    renewed = {"host": "another", "lease_until": Now() + timedelta(seconds=settings.LEASE_S)}  # type: ignore[attr-defined]
    Session.objects.filter(pk=session.pk).update(**renewed)
    assert reaper.reap() == 0 and project(workspace).held == usd(1)
    Session.objects.filter(pk=session.pk).update(lease_until=renewed["lease_until"] - lease - timedelta(seconds=1))
    assert reaper.reap() == 1
    checked = audit.check(workspace.pk)
    assert project(workspace).held == usd(1) and checked.wrong == []
    assert "reserved until another says what" in checked.notes[0]


def test_wrong_arguments_exit_with_2(tmp_path: Path) -> None:
    for words in (["check", "--workspace", "ws_x"], ["export", "--workspace", "ws_x"]):
        with pytest.raises(CommandError) as refused:
            run(*words)
        assert refused.value.returncode == 2


def test_the_export_is_the_whole_ledger_in_either_format() -> None:
    workspace = a_shop_with_history()
    rows = list(csv.DictReader(io.StringIO(run("export", "--workspace", workspace.pk))))
    as_json = json.loads(run("export", "--workspace", workspace.pk, "--format", "json"))
    assert [row["amount_usd"] for row in rows] == ["0.25", "0.25", "60"]
    assert [row["amount_usd"] for row in as_json] == [0.25, 0.25, 60] and rows[0].keys() == as_json[0].keys()
    assert json.loads(run("export", "--workspace", workspace.pk, "--format", "json", "--to", "2001-01-01")) == []


def test_an_imported_usage_file_is_shown_then_booked_once(tmp_path: Path) -> None:
    workspace = a_workspace()
    file = tmp_path / "usage.csv"
    file.write_bytes("\ufeffusage_date_utc,model,cost_usd\n2026-08-04,Claude Haiku 4.5,1.5\n".encode())
    words = ["import-usage", str(file), "--workspace", workspace.pk, "--provider", "anthropic"]
    shown = run(*words)
    assert "2026-08-04  Claude Haiku 4.5" in shown and "Nothing was booked" in shown and not LedgerEntry.objects.exists()
    assert "Booked 1 adjustments, $1.50" in run(*words, "--apply")
    assert "Booked 0 adjustments" in run(*words, "--apply")
    assert project(workspace).total_spent == usd("1.5") and audit.check(workspace.pk).wrong == []
