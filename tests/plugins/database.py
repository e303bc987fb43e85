"""The test databases: copies of a template that is migrated once, before the first test, and as the template again after each test that
commits."""

import fcntl
import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection, connections, transaction

from tests.plugins import throwaway

ROOT = Path(__file__).resolve().parents[2]
MIGRATED = {"django_migrations", "django_content_type", "auth_permission"}
"""Tables that migrating fills and no test writes."""
TEMPLATE = "muster_template"  # on the run's PostgreSQL
KEPT = 4  # templates of other branches and work trees that share this environment
OURS = re.compile(r"^(?:from|import) ((?:workspaces|budget|orchestration|dashboard|config)\.[\w.]+)", re.M)
name = ""
"""The database of this process."""
_template = ""


def prepare() -> None:
    """Migrate a template, unless one is kept. A run's first process calls it, so that no test pays for it within its own time."""
    if connection.vendor == "sqlite":
        _kept(".sqlite3", _migrate_file)
        return
    server = _server()
    dump = _kept(".sql", lambda target: _dump(server, target))
    with psycopg.connect(f"{server}/postgres", autocommit=True) as link:
        _create(link, TEMPLATE)
    _restore(dump, TEMPLATE, server)


def make() -> None:
    """Point Django's connection at a database of this process alone, migrated and empty."""
    global name, _template
    if connection.vendor == "sqlite":
        _template = str(Path(settings.DATA_DIR, f"template-{_worker()}.sqlite3"))
        shutil.copyfile(_kept(".sqlite3", _migrate_file), _template)
    name = copy("test")
    _use(name)


def put_migrated(data: Path) -> None:
    """Make a data directory whose database is migrated and empty: most of a first start of Muster, seconds of CPU."""
    data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_kept(".sqlite3", _migrate_file), data / "muster.sqlite3")


def migrate_other(server: str, name: str) -> None:
    """Migrate an empty database of another PostgreSQL, by the same dump."""
    _restore(_kept(".sql", lambda target: _dump(server, target)), name, server)


def copy(prefix: str) -> str:
    """A further database of this process, migrated and empty; its name."""
    if connection.vendor == "sqlite":
        target = str(Path(settings.DATA_DIR, f"{prefix}-{_worker()}.sqlite3"))
        shutil.copyfile(_template, target)
        return target
    target = f"{prefix}_{_worker()}"
    with psycopg.connect(f"{_server()}/postgres", autocommit=True) as link:
        link.execute("SELECT pg_advisory_lock(1)")  # until this connection ends: a template is copied by one worker at a time
        link.execute(f"CREATE DATABASE {target} TEMPLATE {TEMPLATE}")
    return target


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def wipe() -> None:
    """Undo what tests committed. Deleting row by row is what the triggers of the ledger and the activity log refuse."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(_template)) as template:
            template.backup(connection.connection)
        return
    with transaction.atomic(), connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name not in MIGRATED]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in tables))
        filled = [name for (name,) in cursor.fetchall()]
        cursor.execute("SET LOCAL session_replication_role = replica")  # neither triggers nor foreign keys in this transaction
        for name in filled:  # on small tables ten times as fast as TRUNCATE, which makes every index anew
            cursor.execute(f'DELETE FROM "{name}"')


def _kept(suffix: str, make: Callable[[Path], None]) -> Path:
    """A file that `make` writes once for the migrations as they are. It lies in the environment's folder."""
    folder = Path(sys.prefix, "muster-test-databases")
    folder.mkdir(exist_ok=True)
    kept = folder / f"{_fingerprint()}{suffix}"
    with _locked(folder / "lock"):
        if not kept.exists():
            for old in sorted(folder.glob(f"*{suffix}"), key=lambda file: file.stat().st_mtime)[:-KEPT]:
                old.unlink()
            for left in folder.glob("unfinished*"):
                left.unlink()
            make(folder / f"unfinished{suffix}")
            (folder / f"unfinished{suffix}").rename(kept)
        os.utime(kept)
    return kept


def _fingerprint() -> str:
    """Changes with the migrations, our modules that they import, the SQL that they install, and the pinned packages."""
    parts = [name for name, is_there in {"sso": settings.SSO, "oauth": settings.MCP}.items() if is_there]
    migrations = sorted(ROOT.glob("*/migrations/*.py")) + [
        file for name in parts for file in sorted(ROOT.glob(f"workspaces/{name}/migrations/*.py"))
    ]
    imported = {module for file in migrations for module in OURS.findall(file.read_text())}
    modules = [ROOT / module.replace(".", "/") for module in sorted(imported)]
    helpers = [file for module in modules for file in (module.with_suffix(".py"), module / "__init__.py") if file.exists()]
    files = [
        *migrations,
        *helpers,
        *sorted(ROOT.glob("*/sql/**/*.sql")),
        ROOT / "budget/categories.py",
        ROOT / "requirements/dev.txt",
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:20]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _server() -> str:
    """The address of the run's PostgreSQL, without a database."""
    return os.environ["DATABASE_URL"].rsplit("/", 1)[0]


def _dump(server: str, target: Path) -> None:
    """Migrating takes seconds, restoring a dump a fraction of one."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as link:
        _create(link, "migrated")
    _migrate({**os.environ, "DATABASE_URL": f"{server}/migrated"})
    _client("pg_dump", "migrated", server, f"--file={target}")


def _restore(dump: Path, name: str, server: str) -> None:
    _client("psql", name, server, "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={dump}")


def _create(server: psycopg.Connection, name: str) -> None:
    server.execute(f"DROP DATABASE IF EXISTS {name}")
    server.execute(f"CREATE DATABASE {name}")


def _client(program: str, database: str, server: str, *options: str) -> None:
    command = [throwaway.postgresql_program(program), *options, f"{server}/{database}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _migrate_file(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        _migrate(env | {"MUSTER_DATA_DIR": folder})
        shutil.move(Path(folder, "muster.sqlite3"), target)


def _migrate(env: dict[str, str]) -> None:
    """In a process of its own: this one may have no access to a database, or another database."""
    subprocess.run([sys.executable, "-m", "manage", "migrate", "--verbosity=0"], cwd=ROOT, env=env, check=True)


def _use(name: str) -> None:
    connections.close_all()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
