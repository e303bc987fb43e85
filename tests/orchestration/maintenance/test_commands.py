"""Exit codes and refusals of `./muster doctor`, `restore`, `upgrade`, and the filters of `ledger export`."""

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils.timezone import now

from orchestration.maintenance import doctor, upgrade
from orchestration.maintenance.backup import restoring, saving
from orchestration.maintenance.backup.databases import Impossible
from orchestration.maintenance.doctor import Finding
from tests.factories import a_charge, a_workspace, an_entry
from workspaces.activity.events import TokenCreated
from workspaces.models import ApiToken

WELL, NOTE, NEEDED = (
    Finding("a", "there"),
    Finding("b", "slow", "Look at it"),
    Finding("c", "missing", "Install it", is_needed=True),
)


@pytest.mark.parametrize(
    ("findings", "code"),
    [([WELL, NOTE], 0), ([NEEDED, WELL], 1), ([WELL, NEEDED, NOTE], 1), ([Finding("d", "there", is_needed=True)], 0)],
)
def test_doctor_prints_all_and_fails_for_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, findings: list[Finding], code: int
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: iter(findings))
    out = io.StringIO()
    if code:
        with pytest.raises(SystemExit, match="1"):
            call_command("doctor", stdout=out)
    else:
        call_command("doctor", stdout=out)
    assert out.getvalue() == "".join(f"{finding}\n" for finding in findings)


@pytest.mark.parametrize("findings", [[WELL, NEEDED], [NEEDED, WELL]])
def test_an_upgrade_changes_nothing_while_something_is_in_its_way(
    monkeypatch: pytest.MonkeyPatch, findings: list[Finding]
) -> None:
    monkeypatch.setattr(upgrade, "examine", lambda: iter(findings))
    monkeypatch.setattr(upgrade, "apply", lambda _: pytest.fail("migrated"))
    out = io.StringIO()
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("upgrade", stdout=out)
    assert "Install it" in out.getvalue()


@pytest.mark.parametrize("key", [None, "another key"])
def test_a_restore_needs_the_key_of_its_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    monkeypatch.setattr(restoring, "restore", lambda *_, **__: pytest.fail("restored"))
    file = tmp_path / "backup.tar"
    if key:
        saving.key_file(file).write_text(key)
    with pytest.raises(CommandError, match=r"Stored secrets need the key of the backup: put .*backup\.tar\.key beside it"):
        call_command("restore", str(file))


def test_a_restore_prints_what_it_does_and_why_it_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    file, calls = tmp_path / "backup.tar", list[Any]()
    saving.key_file(file).write_text(f"{settings.SECRET_KEY}\n")

    def restore(source: Path, *, in_place: bool) -> Any:
        calls.append((source, in_place))
        yield "One thing is done"
        if in_place:
            raise Impossible("The rest is not")

    monkeypatch.setattr(restoring, "restore", restore)
    out = io.StringIO()
    call_command("restore", str(file), stdout=out)
    assert out.getvalue().startswith("One thing is done\nRun ./muster ledger check, then start it")
    with pytest.raises(CommandError, match="The rest is not"):
        call_command("restore", str(file), in_place=True, stdout=out)
    assert calls == [(file, False), (file, True)]


def ledger(*words: str) -> str:
    out = io.StringIO()
    call_command("ledger", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_an_export_has_the_rows_of_its_filters_alone() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    first, second = an_entry(shop), an_entry(shop)
    a_charge(first, "0.1", at=now() - timedelta(days=3))
    a_charge(first, "0.2")
    a_charge(second, "0.3")
    a_charge(None, "0.4", category="orchestrator", in_=shop)
    a_charge(an_entry(other), "0.5")
    today, long_ago = f"{now():%F}", f"{now() - timedelta(days=3):%F}"

    def amounts(*words: str) -> list[float]:
        return sorted(
            row["amount_usd"] for row in json.loads(ledger("export", "--workspace", shop.pk, "--format", "json", *words))
        )

    assert amounts() == [0.1, 0.2, 0.3, 0.4]
    assert amounts("--entry", first.pk) == [0.1, 0.2]
    assert amounts("--category", "orchestrator") == [0.4]
    assert amounts("--from", today) == [0.2, 0.3, 0.4]
    assert amounts("--to", long_ago) == [0.1]
    assert amounts("--entry", first.pk, "--from", long_ago, "--to", long_ago) == [0.1]
    for words in (["--from", "yesterday"], ["--category", "none"]):
        with pytest.raises(CommandError):
            amounts(*words)


@pytest.mark.django_db
def test_a_check_of_one_workspace_looks_at_its_books_and_at_no_token() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    type(shop).objects.update(created_at=now() - timedelta(hours=1))
    ApiToken.objects.create(name="by sql", prefix="muster_x", digest="d", role="admin")
    assert not shop.events.filter(verb=TokenCreated.verb).exists()
    assert ledger("check", "--workspace", shop.pk).startswith(
        "1 workspace, 0 ledger rows ($0.00), 0 open holds: everything adds up"
    )
    with pytest.raises(SystemExit, match="1"):
        ledger("check")
    ApiToken.objects.all().delete()
    assert ledger("check").startswith("2 workspaces, ") and other.pk
