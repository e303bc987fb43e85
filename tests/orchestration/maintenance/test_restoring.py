"""A restore: the copy is at rest, what came is put into place, and a second try goes on where the first one ended."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from orchestration.git.command import GitError
from orchestration.maintenance.backup import databases, placing, refs, restoring, saving
from orchestration.maintenance.backup.databases import Impossible
from orchestration.models import Entry, Executor, Round, Worker
from orchestration.triggers import changes, due, firing
from tests.factories import ANA, CLOSED, a_channel, a_session, a_trigger, a_workspace, an_entry
from tests.orchestration.git.repositories import a_repository
from tests.orchestration.maintenance.test_backup_file import no_database
from tests.orchestration.maintenance.test_backup_refs import a_commit
from workspaces.machine import hosts
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
LANDED = "refs/heads/muster/integration"


@pytest.fixture
def data(settings: Any, tmp_path: Path) -> Path:
    """The data directory of the copy."""
    settings.DATA_DIR = tmp_path / "data"
    return Path(settings.DATA_DIR)


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the backups that were loaded: the database of the test stands for what comes out of the file."""
    names: list[str] = []

    def load(source: Path, backup: str) -> None:
        assert source.name == "database"
        names.append(backup)
        with connection.cursor() as cursor:
            at_rest = databases.AT_REST.format(backup=backup, of_a_copy=databases.OF_A_COPY) + databases.TRIGGERS_OFF
            for statement in at_rest.split(";")[:-1]:
                cursor.execute(statement)

    monkeypatch.setattr(databases, "save", no_database)
    monkeypatch.setattr(databases, "load", load)
    monkeypatch.setattr(databases, "refuse_if_used", lambda: None)
    monkeypatch.setattr(hosts, "LOOKS", 1)
    return names


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """A workspace whose repository has an integration branch."""
    repo = a_repository(tmp_path / "repo")
    a_commit(repo, "landed", LANDED)
    return a_workspace(repo=str(repo))


Backup = tuple[Path, dict[str, Any]]


@pytest.fixture
def backup(shop: Workspace, data: Path, tmp_path: Path) -> Callable[[], Backup]:
    """Writes one, and returns its file and manifest."""
    return lambda: (tmp_path / "b.tar", saving.save(tmp_path / "b.tar"))


def test_every_executor_is_stopped_and_its_activity_names_the_moment_of_the_backup(
    shop: Workspace, backup: Callable[[], Backup], loaded: list[str]
) -> None:
    gone = a_workspace(name="Gone")
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    file, manifest = backup()
    sentences = list(restoring.restore(file))
    moment = f"{manifest['at'][:16]} UTC".replace("T", " ")
    assert sentences[0] == f"The database of {manifest['at'][:19]} UTC is restored"
    assert "All executors are stopped" in sentences[-1]
    stopped = Executor.objects.get(pk=shop.pk)
    assert (stopped.state, stopped.stop_all_by, stopped.changed_by) == ("stopped", "restore", "restore")
    [event] = Event.objects.filter(verb="workspace.restored")
    assert (event.workspace_id, event.data["at"]) == (shop.pk, moment)
    assert len(loaded) == 1 and databases.restored() == (loaded[0], True)


def test_triggers_and_firings_come_back_and_fire_when_a_person_switches_them_on(
    shop: Workspace, backup: Callable[[], Backup]
) -> None:
    trigger = a_trigger(shop, now=now() - timedelta(days=9), catch_up="one")
    fired = firing.fire(trigger, "k", now=now())
    Entry.objects.update(**CLOSED)
    sentences = list(restoring.restore(backup()[0]))
    assert "1 trigger is off: switch on those that are to add entries here (Backlog, Triggers)" in sentences
    due.run_due()
    assert list(trigger.firings.all()) == [fired] and fired.entry
    trigger = changes.change(trigger, {"is_enabled": True}, by=ANA)
    assert trigger.next_due is not None and due.fire_due(trigger, trigger.next_due)


def test_its_refs_come_into_a_repository_of_its_own_or_with_in_place_into_the_old_one(
    shop: Workspace, backup: Callable[[], Backup], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, (file, _) = shop.repo, backup()
    list(restoring.restore(file))
    shop.refresh_from_db()
    assert shop.repo == str(data / "repos" / shop.pk) and refs.of(Path(shop.repo))[LANDED] == refs.of(Path(old))[LANDED]
    Workspace.objects.filter(pk=shop.pk).update(repo=old)
    monkeypatch.setattr(databases, "restored", lambda: ("", True))
    (data / "repos").rename(data / "put-aside")
    list(restoring.restore(file, in_place=True))
    shop.refresh_from_db()
    assert shop.repo == old


def test_a_second_try_goes_on_where_the_refs_could_not_be_put_and_loads_nothing_again(
    shop: Workspace, backup: Callable[[], Backup], loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise GitError(["fetch"], "no space left")

    file, manifest = backup()
    with monkeypatch.context() as patch:
        patch.setattr(placing, "place", fail)
        with pytest.raises(Impossible, match=r"the refs of Shop are not: no space left\. Run this again"):
            list(restoring.restore(file))
    sentences = list(restoring.restore(file))
    assert sentences[0] == f"The database of {manifest['at'][:19]} UTC was restored before: the rest follows"
    assert f"{shop.name}: its work is in" in sentences[1]
    assert len(loaded) == 1 and databases.restored() == (loaded[0], True)
    assert list(restoring.restore(file)) == ["This backup is restored here already: nothing was changed"]


def test_another_backup_is_refused_where_the_database_of_an_interrupted_restore_is(
    shop: Workspace, backup: Callable[[], Backup], loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise Impossible("there is one already")

    file, _ = backup()
    monkeypatch.setattr(databases, "restored", lambda: ("another backup", False))
    monkeypatch.setattr(databases, "refuse_if_used", refuse)
    with pytest.raises(Impossible, match="there is one already"):
        list(restoring.restore(file))
    assert not loaded


@pytest.mark.parametrize("folder", restoring.OF_WORK)
def test_the_data_directory_of_a_muster_that_worked_is_left_alone(
    backup: Callable[[], Backup], data: Path, loaded: list[str], folder: str
) -> None:
    file, _ = backup()
    (data / folder).mkdir(parents=True)
    with pytest.raises(Impossible, match="of a Muster that worked: name a new one with --data-dir"):
        list(restoring.restore(file))
    assert not loaded


def test_a_data_directory_that_a_muster_has_now_is_left_alone(
    backup: Callable[[], Backup], data: Path, loaded: list[str]
) -> None:
    file, _ = backup()
    data.mkdir(exist_ok=True)
    lock = hosts.take(data)
    assert lock is not None
    with lock, pytest.raises(Impossible, match="A Muster runs with"):
        list(restoring.restore(file))
    left = data / ".muster-restore-killed"
    left.mkdir()
    assert list(restoring.restore(file)) and len(loaded) == 1
    assert not list(data.glob(".muster-restore-*")) and not hosts.is_taken(data)


def test_what_the_backup_lacks_and_what_is_switched_off_is_reported_at_the_end(
    shop: Workspace, backup: Callable[[], Backup], tmp_path: Path
) -> None:
    lost = a_workspace(name="Lost", repo=str(tmp_path / "gone"))
    for name in ("Ops", "Team"):
        a_channel(shop, name)
    off = a_channel(shop, "Switched off by a person")
    type(off).objects.filter(pk=off.pk).update(enabled=False)
    file, manifest = backup()
    assert manifest["workspaces"] == [shop.pk] and manifest["lacks"].keys() == {lost.pk}
    *_, channels, lacks = restoring.restore(file)
    assert channels.startswith("2 channels of notices are switched off")
    assert lacks.startswith(f"Not in the backup: Lost: {tmp_path / 'gone'} has no branch")


def test_no_host_is_known_to_be_there_and_work_that_did_not_come_begins_again(
    shop: Workspace, backup: Callable[[], Backup]
) -> None:
    here = a_commit(Path(shop.repo), "work", "refs/heads/muster/1-work")
    commits = {"came": here, "did not come": "b" * 40, "done": "c" * 40, "nothing to do": "0" * 40}
    entries = {name: an_entry(shop, content=name) for name in commits}
    for name, entry in entries.items():
        session = a_session(entry)
        Round.objects.filter(session=session).update(commit=commits[name], base_commit="0" * 40)
        Entry.objects.filter(pk=entry.pk).update(next_work="verify", host_id="host_1", is_shared=False, host_away_at=now())
    Entry.objects.filter(pk=entries["done"].pk).update(**CLOSED)
    file, manifest = backup()
    assert manifest["workspaces"] == [shop.pk] and manifest["lacks"].keys() == {shop.pk}, "some work is in it, some is not"
    list(restoring.restore(file))
    assert not Worker.objects.exists()
    states = {e.content: (e.next_work, e.host_id, e.is_shared, e.host_away_at) for e in Entry.objects.all()}
    works = {"came": "verify", "did not come": "implement", "done": "verify", "nothing to do": "verify"}
    assert states == {name: (work, "", True, None) for name, work in works.items()}
