"""Passwords as they are: in parts, or in files, and never in a message."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.system import addresses, env

PASSWORD = "ab/cd+ef=@#%:"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "REDIS_HOST", "MUSTER_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


def settings_of(expression: str, **given: str) -> str:
    program = f"from config import settings; print({expression})"
    environment = {"PATH": "/usr/bin:/bin", **given}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


def test_the_database_takes_a_password_as_it_is(tmp_path: Path) -> None:
    parts = {"DATABASE_HOST": "db", "DATABASE_PASSWORD": PASSWORD, "MUSTER_DATA_DIR": str(tmp_path)}
    shown = "[settings.DATABASES['default'][n] for n in ('ENGINE', 'HOST', 'PORT', 'NAME', 'USER', 'PASSWORD', 'CONN_MAX_AGE')]"
    engine = "django.db.backends.postgresql"
    assert settings_of(shown, **parts) == str([engine, "db", 5432, "muster", "muster", PASSWORD, 600])


def test_sqlite_at_an_address_has_the_options_of_the_usual_one(tmp_path: Path) -> None:
    shown, data = "settings.DATABASES['default']", {"MUSTER_DATA_DIR": str(tmp_path)}
    at_address = settings_of(shown, **data, DATABASE_URL=f"sqlite:///{tmp_path}/other.sqlite3")
    options = "[settings.DATABASES['default'][n] for n in ('CONN_MAX_AGE', 'CONN_HEALTH_CHECKS', 'OPTIONS')]"
    given = settings_of(options, **data, DATABASE_URL=f"sqlite:///{tmp_path}/other.sqlite3")
    assert given == settings_of(options, **data) and "WAL" in given and f"{tmp_path}/other.sqlite3" in at_address


def test_the_broker_takes_a_password_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import redis

    monkeypatch.setenv("REDIS_HOST", "valkey")
    monkeypatch.setenv("REDIS_PASSWORD", PASSWORD)
    options = redis.connection.parse_url(addresses.broker())
    assert (options["host"], options["port"], options["password"]) == ("valkey", 6379, PASSWORD)


@pytest.mark.parametrize("name", env.SECRET)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_each_secret_can_be_in_a_file_as_it_is_without_its_line_ends(
    name: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(f" \tpass  word=\u00a0 {end}".encode())
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    assert env.read(name) == " \tpass  word=\u00a0 " and env.is_given("REDIS_HOST", name) and not env.is_given("REDIS_HOST")
    monkeypatch.setenv(name, " given ")
    assert env.read(name) == " given "


def test_what_is_no_secret_is_not_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in.a.file")
    for name in env.VARIABLES.keys() - {*env.SECRET}:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "file"))
        assert env.read(name) == env.VARIABLES[name].default, name


def test_each_file_that_cannot_be_read_is_named_with_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (binary := tmp_path / "binary").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", "/run/secrets/none")
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(binary))
    monkeypatch.setenv("MUSTER_TICK_S", "bad, but not named yet")
    assert env.problems() == [
        "DATABASE_PASSWORD_FILE names /run/secrets/none, which cannot be read: No such file or directory",
        f"REDIS_PASSWORD_FILE names {binary}, which cannot be read: it is no text",
    ]


@pytest.mark.parametrize(("name", "other"), [("MUSTER_SECRET_KEY", "MUSTER_SECRET_KEY_FILE"), ("DATABASE_URL", "DATABASE_HOST")])
def test_the_same_thing_twice_is_refused_by_both_names(name: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "postgresql://db/muster")
    monkeypatch.setenv(other, __file__)
    [sentence] = env.problems()
    assert name in sentence and other in sentence and "set one of them" in sentence


def test_a_password_that_breaks_an_address_is_not_shown_and_the_way_out_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://muster:ab/cd+ef=@postgres/muster")
    [sentence] = env.problems()
    assert sentence.startswith("DATABASE_URL must be") and "DATABASE_PASSWORD" in sentence and "cd+ef" not in sentence
