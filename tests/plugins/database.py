"""The test databases: copies of a template that is migrated once, and as the template again after each test that commits."""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections, transaction

from tests.plugins import throwaway

ROOT = Path(__file__).resolve().parents[2]
MIGRATED = {"django_migrations", "django_content_type", "auth_permission"}
"""Tables that migrating fills and no test writes."""
name = ""
"""The database of this process."""
_template = ""
KEPT = 4  # templates of other branches and work trees that share this environment


def make() -> None:
    """Point Django's connection at a database of this process alone, migrated and empty."""
    global name, _template
    if connection.vendor == "sqlite":
        _template = str(Path(settings.DATA_DIR, f"template-{_worker()}.sqlite3"))
        shutil.copyfile(_kept(".sqlite3", lambda target: _migrate(str(target))), _template)
    name = copy("test")
    _use(name)


def put_migrated(data: Path) -> None:
    """Make a data directory whose database is migrated and empty: most of a first start of Muster, seconds of CPU."""
    data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_kept(".sqlite3", _migrate_apart), data / "muster.sqlite3")


def migrate_other(server: str, name: str) -> None:
    """Migrate an empty database of another PostgreSQL, by the same dump."""

    def make(target: Path) -> None:
        with psycopg.connect(f"{server}/{name}", autocommit=True) as link:
            _create(link, "migrated")
        env = {**os.environ, "DATABASE_URL": f"{server}/migrated"}
        subprocess.run([sys.executable, "-m", "manage", "migrate", "--verbosity=0"], cwd=ROOT, env=env, check=True)
        _client("pg_dump", "migrated", f"--file={target}", server=server)

    _restore(_kept(".sql", make), name, server)


def copy(prefix: str) -> str:
    """A further database of this process, migrated and empty; its name."""
    if connection.vendor == "sqlite":
        target = str(Path(settings.DATA_DIR, f"{prefix}-{_worker()}.sqlite3"))
        shutil.copyfile(_template, target)
        return target
    target = f"{prefix}_{_worker()}"
    _copy_on_server(target)
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
    """A file that `make` writes once for the product's code as it is. It lies in the environment's folder."""
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
    """Changes with whatever a migration can call or install: the Python and SQL files of our apps, and the pinned packages."""
    ours = [Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == ROOT]
    files = sorted(file for folder in ours for file in folder.rglob("*") if file.suffix in (".py", ".sql"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in [*files, ROOT / "requirements/dev.txt"])).hexdigest()[:20]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy_on_server(name: str) -> None:
    """The first of a run's workers makes the template, which lives as long as the run's server."""
    template = "muster_template"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(1)")  # until this connection ends
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchone():
            dump = _kept(".sql", partial(_dump, server))
            _create(server, "unfinished")
            _restore(dump, "unfinished")
            server.execute(f"ALTER DATABASE unfinished RENAME TO {template}")
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")


def _dump(server: psycopg.Connection, target: Path) -> None:
    """Migrating takes seconds, restoring a dump a fraction of one."""
    _create(server, "migrated")
    _migrate("migrated")
    _client("pg_dump", "migrated", f"--file={target}")


def _restore(dump: Path, name: str, server: str = "") -> None:
    _client("psql", name, "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={dump}", server=server)


def _create(server: psycopg.Connection, name: str) -> None:
    server.execute(f"DROP DATABASE IF EXISTS {name}")
    server.execute(f"CREATE DATABASE {name}")


def _client(program: str, database: str, *options: str, server: str = "") -> None:
    """`server`: an address without a database; empty: the one of this run."""
    address = server or os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    subprocess.run(
        [throwaway.postgresql_program(program), *options, f"{address}/{database}"], check=True, stdout=subprocess.DEVNULL
    )


def _migrate(name: str) -> None:
    _use(name)
    call_command("migrate", verbosity=0, interactive=False)
    connections.close_all()


def _migrate_apart(target: Path) -> None:
    """In a process of its own: this one may have no access to a database, or another database."""
    with tempfile.TemporaryDirectory() as folder:
        env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {"MUSTER_DATA_DIR": folder}
        subprocess.run([sys.executable, "-m", "manage", "migrate", "--verbosity=0"], cwd=ROOT, env=env, check=True)
        shutil.move(Path(folder, "muster.sqlite3"), target)


def _use(name: str) -> None:
    connections.close_all()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
