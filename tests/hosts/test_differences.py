"""A third host differs from the others: by its version, its clock or its disk. It is named with its problem, and the others go on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.hosts import problems
from tests.faults.harness import ROOT, until
from tests.faults.shop import Shop
from tests.hosts.backlog import add_quick, all_done, blameless, sessions
from tests.hosts.conftest import Hosts, Site
from tests.hosts.machines import Machine
from workspaces.machine import release

pytestmark = [pytest.mark.needs_namespaces, pytest.mark.timeout(400)]

MIGRATIONS = ROOT / "orchestration/migrations"
LATER = """
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("orchestration", "{newest}")]
"""


@pytest.fixture
def third(site: Site) -> Iterator[Machine]:
    machine = site.machine("three", 4, disk_mb=300)
    yield machine
    machine.end()
    until(
        lambda: not site.server.database.rows("SELECT 1 FROM orchestration_session WHERE host = 'three' AND status = 'running'"),
        30,
    )


def problem(site: Site) -> str:
    rows = site.server.database.values("SELECT problem FROM orchestration_worker WHERE host = 'three' ORDER BY seen_at DESC")
    return str(rows[0]) if rows else ""


def migrations_of(site: Site, machine: Machine, *, later: bool) -> None:
    """Another version's folder on that machine alone: with one more migration, or without the newest one."""
    folder = site.folders["three"].parent / f"migrations-{later}"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    newest = max(path for path in folder.glob("0*.py"))
    if later:
        (folder / "9999_later.py").write_text(LATER.format(newest=newest.stem))
    else:
        newest.unlink()
    machine.run("mount", "--bind", str(folder), str(MIGRATIONS))


def release_of(site: Site, machine: Machine, number: str) -> None:
    """The number of another release on that machine alone."""
    file = site.folders["three"].parent / f"VERSION-{number}"
    file.write_text(number)
    machine.run("mount", "--bind", str(file), str(ROOT / "VERSION"))


def others_go_on(shop: Shop, site: Site) -> None:
    ids = add_quick(shop, 4)
    until(lambda: all_done(shop, ids), 60, every=0.5)
    taken = sessions(site, shop, "host", "host <> ''")  # one whose host has just left may be claimed, and taken by none
    assert set(taken) <= {"one", "two"} and blameless(site, shop)


def reasons(shop: Shop, id_: str) -> str:
    return " ".join(reason["message"] for reason in shop.entry(id_)["reasons"])


def test_a_host_of_a_newer_version_waits_for_the_migrations(site: Site, hosts: Hosts, shop: Shop, third: Machine) -> None:
    migrations_of(site, third, later=True)
    host = site.host(third, MUSTER_LABELS="gpu")
    host.start(wait=False)
    until(lambda: problem(site) == problems.NEWER, 60, every=0.2)
    others_go_on(shop, site)
    assert problems.NEWER in site.hosts_page(shop)
    for other in hosts:
        other.work("drain")
    waiting = add_quick(shop, 1)[0]
    until(lambda: f"three: {problems.NEWER}" in reasons(shop, waiting), 20, every=0.5)
    site.server.database.execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('orchestration', '9999_later', now())"
    )
    until(lambda: all_done(shop, [waiting]), 60, every=0.5)
    site.server.database.execute("DELETE FROM django_migrations WHERE name = '9999_later'")
    for other in hosts:
        other.work("resume")


def test_a_host_of_an_older_version_works_on_and_is_named(site: Site, hosts: Hosts, shop: Shop, third: Machine) -> None:
    migrations_of(site, third, later=False)
    site.host(third).start()
    until(lambda: problem(site) == problems.OLDER, 30, every=0.2)
    ids = add_quick(shop, 6)
    until(lambda: all_done(shop, ids), 60, every=0.5)
    assert problems.OLDER in site.hosts_page(shop) and blameless(site, shop)


@pytest.mark.parametrize("seconds", [600, -600])
def test_a_host_whose_clock_is_off_takes_nothing_and_is_named(
    site: Site, hosts: Hosts, shop: Shop, third: Machine, seconds: int
) -> None:
    path = f"{Path(__file__).parent / 'clock'}:{ROOT}"
    site.host(third, PYTHONPATH=path, CLOCK_OFF_S=str(seconds)).start()
    until(lambda: problem(site).startswith("Its clock is 600 s"), 30, every=0.2)
    others_go_on(shop, site)
    assert "Its clock is 600 s" in site.hosts_page(shop)


@pytest.mark.parametrize(("number", "words"), [("0.1.0", "too old"), ("9.9.9", "too new")])
def test_a_host_of_another_release_takes_nothing_and_is_named(
    site: Site, hosts: Hosts, shop: Shop, third: Machine, number: str, words: str
) -> None:
    release_of(site, third, number)
    site.host(third).start()
    others_go_on(shop, site)
    page = site.hosts_page(shop)
    assert f"Its Muster is {number}, {words} for {release.NUMBER}" in page and "Gets no sessions" in page
    assert f"Its Muster is {number}" in hosts[0].muster("doctor")


def test_a_host_of_the_next_release_works_with_this_one(site: Site, hosts: Hosts, shop: Shop, third: Machine) -> None:
    release_of(site, third, release.COMPATIBLE[-1])
    site.host(third, MUSTER_LABELS="gpu").start()
    shop.call("PATCH", "/config", {"requires": ["gpu"]})
    ids = add_quick(shop, 4)
    until(lambda: all_done(shop, ids), 60, every=0.5)
    assert set(sessions(site, shop, "host", "host <> ''")) == {"three"} and blameless(site, shop)


def test_a_host_whose_disk_is_full_takes_nothing_until_there_is_space(
    site: Site, hosts: Hosts, shop: Shop, third: Machine
) -> None:
    host = site.host(third, MUSTER_DISK_RESERVE_MB="50")
    host.start()
    filling = third.path(site.folders["three"] / "filling")
    fill(filling, 299)
    until(lambda: problem(site) == problems.DISK, 30, every=0.2)
    others_go_on(shop, site)
    assert problems.DISK in site.hosts_page(shop)
    filling.unlink()
    until(lambda: problem(site) == "", 30, every=0.2)


def fill(file: Path, mb: int) -> None:
    with open(file, "wb") as out:
        try:
            out.writelines(bytes(2**20) for _ in range(mb))
        except OSError:
            return
