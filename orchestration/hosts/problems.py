"""The problems of this host, as sentences for the page of hosts and for entries that wait for one."""

import time
from functools import lru_cache
from importlib.util import find_spec
from pkgutil import iter_modules

from django.apps import apps
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from orchestration.models import Worker, sql_dialect
from workspaces.machine import disk, release
from workspaces.replaced_migrations import REPLACED
from workspaces.values.standing_query import StandingQuery

MAX_SKEW_S = 60.0
DISK = "Its disk is nearly full: free some space, and its session worker goes on"
NEWER = "Its Muster is newer than the database: run ./muster manage migrate, and its session worker begins"
OLDER = "Its Muster is older than the database: update it"


def find() -> str:
    """The first one; empty where all is well."""
    return that_stops() or (OLDER if is_older() else "")


def that_stops() -> str:
    """The first one with which this host takes no session and offers no slots; empty without one."""
    return DISK if disk.is_low() else of_version() or of_clock()


def of_version() -> str:
    """This release may not run beside the one of the control workers."""
    if not _any_control_of_another.any(release.NUMBER):
        return ""
    control = Worker.objects.filter(queue="control").exclude(version="").order_by("-seen_at")
    server = control.values_list("version", flat=True).first()
    return release.why_incompatible(release.NUMBER, server) if server else ""


_any_control_of_another = StandingQuery(lambda number: Worker.objects.filter(queue="control").exclude(version__in=["", number]))


def of_clock() -> str:
    skew = clock_skew()
    side = "ahead of" if skew > 0 else "behind"
    return f"Its clock is {abs(skew):.0f} s {side} the database's: set it" if abs(skew) > MAX_SKEW_S else ""


def clock_skew() -> float:
    """Seconds by which this host's clock is ahead of the database's."""
    before = time.time()
    theirs = sql_dialect.database_time()
    return (before + time.time()) / 2 - theirs


def is_newer() -> bool:
    """True if the database lacks a migration of this Muster."""
    return lacking() > 0


def lacking() -> int:
    """The number of migrations of this Muster that the database lacks."""
    return len(known_migrations() - _applied())


def is_older() -> bool:
    """True if the database has a migration that this Muster does not have. Muster works on, as far as its code still fits."""
    return bool(of_newer_versions())


def of_newer_versions() -> list[tuple[str, str]]:
    """App and name of each migration of the database that this Muster does not have."""
    labels = {app for app, _ in known_migrations()}
    return sorted((app, name) for app, name in _applied() - known_migrations() - REPLACED if app in labels)


def _applied() -> set[tuple[str, str]]:
    return set(MigrationRecorder(connection).applied_migrations())


@lru_cache(maxsize=1)
def known_migrations() -> set[tuple[str, str]]:
    """App and name of each migration of this Muster, by the names of their files: loading them would take each command longer than its work."""
    known = set()
    for app in apps.get_app_configs():
        if spec := find_spec(f"{app.name}.migrations"):
            known |= {(app.label, module.name) for module in iter_modules(spec.submodule_search_locations)}
    return known
