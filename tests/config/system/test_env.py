"""A bad setting is an error that names the variable and what it takes, before anything starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.system import env

ROOT = Path(__file__).resolve().parents[3]
BAD = {
    "MUSTER_DATA_DIR": ["", __file__],
    "MUSTER_REPO_ROOTS": [f"/tmp:{__file__}", "~nobody-has-this-name/src", f"/{'a' * 300}"],
    "DATABASE_URL": ["mysql://host/name", "host/name", "postgresql://host:port/name"],
    "REDIS_URL": ["http://host", "host:6379"],
    **{name: [] for name in ("DATABASE_HOST", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD")},
    **{name: [] for name in ("REDIS_HOST", "REDIS_USER", "REDIS_PASSWORD", "MUSTER_EMAIL_PASSWORD")},
    "DATABASE_PORT": ["", "0", "65536", "db"],
    "REDIS_PORT": ["", "0", "65536", "db"],
    "MUSTER_SECRET_KEY": [],
    "MUSTER_SECRET_KEY_OTHER": [],
    "MUSTER_ALLOWED_HOSTS": ["https://muster.example.com", "muster.example.com:8765", "a b"],
    "MUSTER_TRUSTED_PROXIES": ["proxy", "10.0.0.0/33"],
    "MUSTER_AGENT_URL": ["web:8766", "ftp://web", "http://host:port"],
    "MUSTER_AGENT_LISTEN": ["http://10.0.0.5", "10.0.0.0/8", "a b"],
    "MUSTER_GATEWAY_URL": ["gateway:8767", "on", "http://host:port"],
    "MUSTER_BASE_URL": ["", "muster.example.com", "ftp://muster.example.com", "http://", "http://host:port"],
    "MUSTER_TIME_ZONE": ["", "Mars/Phobos", "../etc/passwd", "/etc/passwd"],
    "MUSTER_ENV_LABEL": [],
    "MUSTER_DEMO": ["", "yes", "2"],
    "MUSTER_DEBUG": ["", "yes", "2"],
    "MUSTER_SESSION_SLOTS": ["", "0", "-1", "8.5", "many", "100000"],
    "MUSTER_JUDGES": ["", "-1", "1.5", "all"],
    "MUSTER_LABELS": ["two words", "-x", "/", "a" * 64],
    "MUSTER_LEASE_S": ["", "abc", "0", "-5", "nan", "inf", "1e9"],
    "MUSTER_LEASE_GRACE_S": ["abc", "-1", "inf"],
    "MUSTER_LOST_HOST_S": ["abc", "-1", "inf"],
    "MUSTER_DRAIN_S": ["abc", "-1", "nan"],
    "MUSTER_STOP_GRACE_S": ["abc", "-1", "nan"],
    "MUSTER_CGROUP_PARENT": ["muster", "../muster"],
    "MUSTER_SANDBOX": ["firejail", "BUBBLEWRAP", "1", ""],
    "MUSTER_POLL_S": ["abc", "0", "61"],
    "MUSTER_TICK_S": ["abc", "0", "-5"],
    "MUSTER_KEEP_DAYS": ["abc", "-1", "inf"],
    "MUSTER_KEEP_LOGS_DAYS": ["abc", "0", "inf"],
    "MUSTER_KEEP_EVENTS_DAYS": ["abc", "30", "inf"],
    "MUSTER_KEEP_VERDICTS_DAYS": ["abc", "0", "inf"],
    "MUSTER_DISK_RESERVE_MB": ["", "-1", "1.5", "2e9"],
    "MUSTER_WEBHOOK_ALLOW": ["http://hooks.example.com", "10.0.0.0/33"],
    "MUSTER_EMAIL_URL": ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://host:port"],
    "MUSTER_EMAIL_FROM": ["", "muster", "muster@"],
    "MUSTER_OIDC_ISSUER": ["login.example.com", "http://login.example.com", "https://login.example.com/?a=b"],
    **{name: [] for name in ("MUSTER_OIDC_CLIENT_ID", "MUSTER_OIDC_CLIENT_SECRET", "MUSTER_OIDC_NAME")},
    "MUSTER_OIDC_SCOPES": ["", "profile", "openidx"],
    "MUSTER_OIDC_PROMPT": ["none", "consent ", "consentlogin"],
    "MUSTER_OIDC_GROUPS_CLAIM": ["", "my groups"],
    "MUSTER_OIDC_MAX_AGE": ["", "59", "12h"],
    "MUSTER_MCP_CLIENTS": ["", "yes", "documents,"],
    "OTEL_EXPORTER_OTLP_ENDPOINT": ["collector:4318", "grpc://collector:4317", "http://"],
    "MUSTER_TRACE_URL": ["https://traces.example.com", "javascript:alert('{trace_id}')", "/trace/{trace_id}"],
    "MUSTER_LOG_FORMAT": ["", "xml"],
    "MUSTER_LOG_LEVEL": ["", "LOUD", "10"],
}
GOOD = {
    "MUSTER_DATA_DIR": ["~/muster", "/nowhere/yet"],
    "MUSTER_REPO_ROOTS": ["", "/tmp:~/src"],
    "DATABASE_URL": ["", "postgresql://me:secret@host:5432/muster", "postgresql://postgres@%2Ftmp%2Fpg/postgres"],
    "REDIS_URL": ["", "redis://:secret@host:6379/0", "rediss://host", "unix:///run/valkey.sock"],
    "MUSTER_ALLOWED_HOSTS": ["*", ".example.com, 10.0.0.1,[::1]"],
    "MUSTER_TRUSTED_PROXIES": ["", "127.0.0.1, 10.1.0.0/16", "::1", "*"],
    "MUSTER_AGENT_URL": ["", "http://web:8766"],
    "MUSTER_AGENT_LISTEN": ["", "10.0.0.5", "::", "web.internal"],
    "MUSTER_GATEWAY_URL": ["", "off", "http://gateway:8767"],
    "MUSTER_BASE_URL": ["https://muster.example.com", "http://[::1]:8765"],
    "MUSTER_TIME_ZONE": ["Europe/Berlin"],
    "MUSTER_DEMO": ["0", "1"],
    "MUSTER_DEBUG": ["0", "1"],
    "MUSTER_SESSION_SLOTS": ["1", "1000"],
    "MUSTER_LEASE_S": ["1", "3600", "12.5"],
    "MUSTER_CGROUP_PARENT": ["", "none", "/sys/fs/cgroup/muster"],
    "MUSTER_WEBHOOK_ALLOW": ["", "hooks.internal, 10.0.0.0/8,127.0.0.1"],
    "MUSTER_EMAIL_URL": ["", "smtps://mail.example.com"],
    "MUSTER_EMAIL_FROM": ["muster@localhost", "Muster <muster@example.com>"],
    "OTEL_EXPORTER_OTLP_ENDPOINT": ["", "http://127.0.0.1:4318", "https://otlp.example.com/prefix"],
    "MUSTER_TRACE_URL": ["", "https://traces.example.com/trace/{trace_id}?x=1"],
    "MUSTER_LOG_LEVEL": ["debug", "WARNING"],
}


ANY_TEXT = {name for name, variable in env.VARIABLES.items() if variable.kind is env.TEXT} | {"MUSTER_ENV_LABEL"}


def test_every_setting_is_in_the_table_of_bad_values() -> None:
    assert BAD.keys() == env.VARIABLES.keys()
    assert {name for name, values in BAD.items() if not values} == ANY_TEXT


def test_every_default_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in env.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert env.problems() == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_named_with_what_the_variable_takes(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for text in BAD[name]:
        monkeypatch.setenv(name, text)
        (sentence,) = env.problems()
        assert sentence.startswith(f"{name} must be {env.VARIABLES[name].kind.takes.replace('`', '')}"), text


@pytest.mark.parametrize("name", GOOD)
def test_a_good_value_is_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for text in GOOD[name]:
        monkeypatch.setenv(name, text)
        assert env.problems() == [], text


def test_what_may_hold_a_password_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:hunter2@host/name")
    monkeypatch.setenv("MUSTER_EMAIL_URL", "imap://me:hunter2@host")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://me:hunter2@host")
    assert len(env.problems()) == 3
    assert "hunter2" not in "".join(env.problems())


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "config.up"],
        ["-m", "config.web"],
        ["-m", "config.work"],
        ["manage.py", "check"],
        ["-m", "celery", "-A", "config", "report"],
    ],
)
def test_every_command_names_all_bad_settings_in_one_line(command: list[str], tmp_path: Path) -> None:
    bad = {"MUSTER_DATA_DIR": str(tmp_path), "MUSTER_LEASE_S": "abc", "MUSTER_LOG_LEVEL": "LOUD"}
    ended = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ | bad, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        "muster: MUSTER_LEASE_S must be a number from 1 to 3600, not 'abc'; "
        "MUSTER_LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not 'LOUD'. See docs/reference/settings.md.\n"
    )


def test_an_unknown_setting_is_a_warning_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MUSTER_LEASE", "60")
    env.warn_of_unknown()
    assert capsys.readouterr().err == "muster: MUSTER_LEASE is not a setting; did you mean MUSTER_LEASE_S?\n"


def test_a_folder_that_is_named_by_a_link_is_the_folder_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "link").symlink_to("src")
    monkeypatch.setenv("MUSTER_REPO_ROOTS", f"{tmp_path}/link")
    assert env.value("MUSTER_REPO_ROOTS") == [(tmp_path / "src").resolve()]


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("", env.MailServer()),
        ("smtp://mail", env.MailServer("mail", 25)),
        ("smtp://mail:587/?tls=1", env.MailServer("mail", 587, starttls=True)),
        ("smtp://mail/?tls=0", env.MailServer("mail", 25)),
        ("smtps://a%40b:c%2Fd%3A@mail", env.MailServer("mail", 465, "a@b", "c/d:", tls=True)),
        ("smtps://me@mail:26", env.MailServer("mail", 26, "me", tls=True)),
    ],
)
def test_the_address_of_a_mail_server_is_read_whole(url: str, server: env.MailServer) -> None:
    assert env.mail_server(url) == server


BASE = "http://127.0.0.1:8765"


@pytest.mark.parametrize(
    ("files", "given", "base", "agent"),
    [
        ({}, {}, BASE, BASE),
        ({"address": "http://up:1\n"}, {}, "http://up:1", "http://up:1"),
        ({"address": "http://up:1\n", "agent-address": "http://up:2\n"}, {}, "http://up:1", "http://up:2"),
        ({"address": "\n", "agent-address": "\n"}, {}, BASE, BASE),
        ({"address": "http://up:1", "agent-address": "\n"}, {}, "http://up:1", "http://up:1"),
        ({"address": "http://up:1", "agent-address": "http://up:2"}, {"BASE": "http://b"}, "http://b", "http://b"),
        ({"address": "http://up:1", "agent-address": "http://up:2"}, {"AGENT": "http://a"}, "http://up:1", "http://a"),
        ({"agent-address": "http://up:2"}, {"BASE": "http://b", "AGENT": "http://a"}, "http://b", "http://a"),
    ],
)
def test_links_lead_to_the_address_of_a_variable_or_else_of_the_last_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, str], given: dict[str, str], base: str, agent: str
) -> None:
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    for name in ("BASE", "AGENT"):
        monkeypatch.delenv(f"MUSTER_{name}_URL", raising=False)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for name, text in given.items():
        monkeypatch.setenv(f"MUSTER_{name}_URL", text)
    assert (env.base_url(), env.agent_url()) == (base, agent)


def test_repositories_lie_in_the_folders_that_are_given_or_at_home_and_in_the_data_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MUSTER_DATA_DIR", "~/data")
    monkeypatch.setenv("MUSTER_REPO_ROOTS", "")
    assert env.repo_roots() == [tmp_path.resolve(), (tmp_path / "data").resolve()]
    monkeypatch.setenv("MUSTER_REPO_ROOTS", "~/src: /srv :")
    assert env.repo_roots() == [tmp_path.resolve() / "src", Path("/srv").resolve()]


def test_only_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MUSTER_SECRET_KEY_FILE", "/run/secrets/key")
    monkeypatch.setenv("MUSTER_TICK_S_FILE", "/run/tick")
    env.warn_of_unknown()
    assert capsys.readouterr().err.startswith("muster: MUSTER_TICK_S_FILE is not a setting")


def test_the_variables_of_an_agents_session_are_no_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MUSTER_SESSION_ID", "wkr_1")
    monkeypatch.setenv("MUSTER_PROMPT_FILE", "/tmp/prompt.md")
    env.warn_of_unknown()
    assert capsys.readouterr().err == ""
