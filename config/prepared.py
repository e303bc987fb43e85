"""Commands that run beside a first start, or an upgrade, wait until the database is prepared, or say what to do."""

import sys
import time
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError, connection

from orchestration.hosts import problems
from workspaces.machine import hosts

WITHOUT_DATABASE = frozenset(
    [
        "bootstrap",
        "check",
        "collectstatic",
        "compilemessages",
        "diffsettings",
        "doctor",
        "findstatic",
        "help",
        "makemessages",
        "makemigrations",
        "optimizemigration",
        "restore",
        "runserver",
        "sqlmigrate",
        "startapp",
        "startproject",
        "squashmigrations",
        "test",
        "version",
    ]
)
"""Commands that need no prepared database; `bootstrap` and `restore` prepare one."""
PREPARE = frozenset(("migrate", "upgrade"))
"""Commands that prepare the database themselves, unless `up` is doing it."""
UP_S = 120.0
"""For as long as `up` may prepare: a large database takes its time."""
ALONE_S = 3.0
"""For as long as nobody seems to prepare: `up` may have been started in this moment, or a migration elsewhere gets no step further."""
EVERY_S = 0.1
STARTS = "muster: the database is being prepared by ./muster up: waiting for it"
UNFINISHED = "muster: ./muster up has prepared the database for {seconds:.0f} s and is not done: try again, and look at {logs}"
ABSENT = "muster: the database is not prepared: start ./muster up, or run ./muster upgrade"
OTHER = "muster: ./muster up runs an older release, and prepares nothing more: end it, and start it again"
SILENT = "muster: the database does not answer: {problem}"


def wait_for(arguments: Sequence[str]) -> None:
    """Before a management command with these arguments. Ends the process with a sentence where the database does not get prepared."""
    name = next((word for word in arguments if not word.startswith("-")), "help")
    if name in WITHOUT_DATABASE or {"-h", "--help", "--version"} & set(arguments):
        return
    if name not in PREPARE or _is_up():
        wait()


def wait() -> None:
    """Returns once the database has all tables of this version. Ends the process with a sentence if it does not get them."""
    began = moved = time.monotonic()
    steps, has_reported = -1, False
    while (problem := _missing()) is not None:
        is_up = _is_up()
        if is_up and _serves() and _missing():  # looked at again: it may have been prepared between the two
            sys.exit(OTHER)
        if is_up and not has_reported:
            print(STARTS, file=sys.stderr, flush=True)
            has_reported = True
        if problem.steps != steps:
            steps, moved = problem.steps, time.monotonic()
        silent = time.monotonic() - (began if is_up else moved)
        if silent > (UP_S if is_up else ALONE_S):
            sys.exit(UNFINISHED.format(seconds=UP_S, logs=settings.DATA_DIR / "logs") if is_up else problem.sentence)
        time.sleep(EVERY_S)


class _Missing:
    """`steps`: migrations that were applied."""

    def __init__(self, sentence: str, steps: int = 0) -> None:
        self.sentence, self.steps = sentence, steps


def _missing() -> _Missing | None:
    try:
        if lacking := problems.lacking():
            return _Missing(ABSENT, -lacking)
        is_first = _is_up() and not (settings.DATA_DIR / "bootstrapped").exists()  # the owner is made last
        return _Missing(ABSENT) if is_first else None
    except DatabaseError as problem:  # SQLite is locked while it becomes a write-ahead one
        connection.close()
        return _Missing(SILENT.format(problem=str(problem).splitlines()[0]))


def _is_up() -> bool:
    return hosts.is_taken(settings.DATA_DIR)


def _serves() -> bool:
    """True if the web server of `up` answers: that begins once its database is prepared. A release that was installed since may want another."""
    try:
        with urllib.request.urlopen(f"{settings.BASE_URL}/livez", timeout=1) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (OSError, ValueError):
        return False
