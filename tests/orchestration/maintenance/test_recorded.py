"""Values that were set by SQL stand out: caps, limits, budgets and tokens are compared with the records of who set them."""

import io
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations import RunPython
from django.db.models.functions import Now
from django.utils.timezone import now

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange, Limit, Project
from orchestration import funding
from orchestration.maintenance import audit, recorded
from orchestration.models import Session
from tests.factories import ANA, a_session, a_token, a_workspace, an_entry, some_entries
from workspaces.models import ApiToken, Workspace
from workspaces.people import tokens

pytestmark = pytest.mark.django_db


def a_shop_with_changes() -> Workspace:
    workspace = a_workspace(cap="100", budget="100")
    account = an_entry(workspace, budget="5").account
    for amount in ("7", "9"):
        caps.edit(account, usd(amount), by=ANA)
        caps.set_project(account.project, "max_project_spend", usd(f"{amount}0"), by=ANA)
        caps.set_limit(account.project, "entry", "day", usd(amount), by=ANA)
    some_entries(workspace, "a share of the plan")
    funding.share_out(workspace.pk)
    return workspace


def test_what_the_verbs_set_has_its_records() -> None:
    assert audit.check(a_shop_with_changes().pk).wrong == []


@pytest.mark.parametrize(
    ("by_sql", "line"),
    [
        (
            lambda: Project.objects.update(max_project_spend=usd(999)),
            "max_project_spend is $999.000000, its last record says $90",
        ),
        (lambda: Project.objects.update(total_budget=usd(999)), "total_budget is $999.000000, its last record says $100.000000"),
        (
            lambda: Account.objects.filter(human_locked=True).update(budget=usd(50)),
            "budget is $50.000000, its last record says $9",
        ),
        (lambda: Account.objects.filter(own_budget=False).update(budget=usd(50)), "budget is $50.000000, its last record says $"),
        (lambda: Limit.objects.update(amount=usd(50)), "limit.entry.day is $50.000000, its last record says $9.000000"),
        (lambda: Limit.objects.all().delete(), "limit.entry.day is none, its last record says $9.000000"),
        (lambda: Limit.objects.update(period="all"), "limit.entry.all is $9.000000, its last record says none"),
        (
            lambda: BudgetChange.objects.filter(field="budget", after=usd(7)).delete(),
            "changed from $5.000000 to $7.000000 without",
        ),
    ],
)
def test_an_amount_that_sql_changed_is_named(by_sql: Callable[[], object], line: str) -> None:
    workspace = a_shop_with_changes()
    by_sql()
    assert any(line in wrong for wrong in audit.check(workspace.pk).wrong), audit.check(workspace.pk).wrong


def test_a_cap_that_sql_raised_for_a_while_is_named_afterwards() -> None:
    workspace = a_shop_with_changes()
    Project.objects.update(max_project_spend=usd(999))
    caps.set_project(Project.objects.get(), "max_project_spend", usd(50), by=ANA)
    [line] = audit.check(workspace.pk).wrong
    assert line == "project: max_project_spend was changed from $90.000000 to $999.000000 without a record"


def test_amounts_of_older_versions_count_from_their_first_record() -> None:
    workspace = a_shop_with_changes()
    Account.objects.update(opened_with=None)
    Project.objects.update(opened_with_cap=None, opened_with_budget=None)
    assert audit.check(workspace.pk).wrong == []


def upgrade() -> None:
    import_module("budget.migrations.0024_amounts_are_known").record_present_amounts(apps, connection.schema_editor())


def test_after_an_upgrade_what_sql_changes_stands_out_also_where_nothing_was_ever_changed() -> None:
    workspace, changed = a_workspace(cap="100", budget="100"), a_shop_with_changes()
    quiet = an_entry(workspace, budget="5").account_id
    Account.objects.update(opened_with=None)
    Project.objects.update(opened_with_cap=None, opened_with_budget=None)
    upgrade()
    for shop in (workspace, changed):
        checked = audit.check(shop.pk)
        assert checked.wrong == [] and any(f"known from {now():%F}" in note for note in checked.notes)
    Project.objects.filter(pk=workspace.pk).update(max_project_spend=usd(999), total_budget=usd(998))
    Account.objects.filter(pk=quiet).update(budget=usd(50))
    assert audit.check(workspace.pk).wrong == [
        "project: max_project_spend is $999.000000, its last record says $100.000000",
        "project: total_budget is $998.000000, its last record says $100.000000",
        f"account {quiet}: budget is $50.000000, its last record says $5.000000",
    ]


def test_where_all_is_known_from_the_beginning_an_upgrade_adds_no_note() -> None:
    workspace = a_shop_with_changes()
    upgrade()
    assert not audit.check(workspace.pk).notes


def test_a_squash_keeps_the_step_that_records_the_amounts() -> None:
    migration = import_module("budget.migrations.0024_amounts_are_known").Migration
    assert not any(
        step.elidable for step in migration.operations if isinstance(step, RunPython) and "record" in step.code.__name__
    )


def run() -> str:
    out = io.StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("ledger", "check", stdout=out)
    return out.getvalue()


def test_a_token_that_no_line_of_activity_made_is_named() -> None:
    workspace = a_workspace()
    tokens.issue("known", role="admin", workspace=workspace, expires_at=None, by=ANA, reason="")
    call_command("token", "create", "of the command line", stdout=io.StringIO())
    assert list(recorded.tokens_without_record()) == []
    a_token()
    assert "server: token muster_" in run() and "no line of activity says who made it" in run()


def test_a_token_of_all_workspaces_is_looked_for_where_it_was_made() -> None:
    """Also in a workspace that was deleted since; one that is older than each workspace is in no activity."""
    first = a_workspace()
    a_token()
    Workspace.objects.filter(pk=first.pk).update(created_at=now() - timedelta(hours=1), deleted_at=now() + timedelta(seconds=1))
    [line] = recorded.tokens_without_record()
    assert "no line of activity says who made it" in line
    Workspace.objects.filter(pk=first.pk).update(deleted_at=now() - timedelta(minutes=1))
    assert list(recorded.tokens_without_record()) == []


@pytest.mark.parametrize(
    ("by_sql", "line"),
    [
        (lambda mine: mine.update(role="admin"), "it is admin now, and was made as viewer"),
        (lambda mine: mine.update(workspace=None), "it is for other workspaces now than it was made for"),
        (lambda mine: mine.update(revoked_at=None), "it was revoked, and is alive again"),
    ],
)
def test_a_token_that_sql_changed_is_named(by_sql: Callable[..., object], line: str) -> None:
    workspace = a_workspace()
    a_workspace(name="Other")
    Workspace.objects.update(created_at=now() - timedelta(hours=1))
    token, _ = tokens.issue("mine", role="viewer", workspace=workspace, expires_at=None, by=ANA, reason="")
    if "revoked" in line:
        tokens.revoke(token, by=ANA, reason="")
    by_sql(ApiToken.objects.filter(pk=token.pk))
    assert line in "".join(recorded.tokens_without_record())


def test_a_sessions_token_belongs_to_it_and_ends_with_it() -> None:
    session = a_session(an_entry(a_workspace()))
    tokens.create("session", role="viewer", workspace=session.workspace, session_ref=session.pk)
    assert list(recorded.tokens_without_record()) == []
    Session.objects.update(status="ended", ended_by_version="0.2.0", outcome="lost", ended_at=Now())
    assert "has ended" in "".join(recorded.tokens_without_record())
    ApiToken.objects.update(role="admin")
    assert "is none of it" in "".join(recorded.tokens_without_record())
