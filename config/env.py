"""Every setting a user can make, in one place: name, default, what it is for.

`config/settings.py` reads them through `read`; `docs/reference/settings.md` is checked against this table by a test.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True)
class Variable:
    name: str
    default: str
    help: str


VARIABLES = {
    v.name: v
    for v in [
        Variable("MUSTER_DATA_DIR", "~/.local/share/muster", "Where the embedded database, worktrees and session files live."),
        Variable(
            "MUSTER_REPO_ROOTS",
            "",
            "Colon-separated folders that workspaces' repositories may lie in. Empty: the home directory and the data directory.",
        ),
        Variable("DATABASE_URL", "", "A PostgreSQL address for teams. Empty: SQLite in the data directory."),
        Variable(
            "REDIS_URL", "", "A Redis or Valkey address for teams. Empty: the embedded Valkey on a socket in the data directory."
        ),
        Variable("MUSTER_SECRET_KEY", "", "Signs sessions. Empty: made once and kept in the data directory."),
        Variable(
            "MUSTER_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]", "Comma-separated host names that the web server answers to."
        ),
        Variable(
            "MUSTER_TRUSTED_PROXIES",
            "",
            "Comma-separated addresses and networks of the proxies in front, whose `X-Forwarded-For` and `-Proto` are believed. Empty: nobody's.",
        ),
        Variable("MUSTER_BASE_URL", "http://127.0.0.1:8765", "Where agents and links reach this server."),
        Variable("MUSTER_TIME_ZONE", "UTC", "The zone that times are shown in to who has not chosen one (an IANA name)."),
        Variable(
            "MUSTER_ENV_LABEL",
            "",
            "What this server is, shown beside the name on every page, such as PROD or STAGING. Empty: nothing.",
        ),
        Variable("MUSTER_DEBUG", "0", "1 shows Django's debug pages. Never in production."),
        Variable("MUSTER_SESSION_SLOTS", "8", "Worker sessions that one session-worker process supervises at once."),
        Variable("MUSTER_LEASE_S", "60", "Seconds a session's lease lasts; renewed every quarter of it."),
        Variable("MUSTER_LEASE_GRACE_S", "15", "Seconds after a lease's end before another host may act on the session."),
        Variable(
            "MUSTER_STOP_GRACE_S", "5", "Seconds between a stop and SIGKILL; what comes in between is the agent's own ladder."
        ),
        Variable(
            "MUSTER_CGROUP_PARENT",
            "",
            "The cgroup v2 folder in which each agent gets a group of its own. Empty: the worker's own, where it may be written; `none`: no groups.",
        ),
        Variable(
            "MUSTER_POLL_S",
            "0.5",
            "Seconds between a supervisor's looks at what is wanted of its sessions, when no summons makes it look at once.",
        ),
        Variable("MUSTER_TICK_S", "5", "Seconds between two safety-net ticks of the executor."),
        Variable(
            "MUSTER_KEEP_DAYS",
            "14",
            "Days that agents' own files (conversations, prompts, journals) are kept after an entry last worked. Logs stay in the database.",
        ),
        Variable(
            "MUSTER_WEBHOOK_ALLOW",
            "",
            "Comma-separated hosts and networks that webhooks may reach though they are not public, or by plain http. Empty: only https to public addresses.",
        ),
        Variable(
            "MUSTER_EMAIL_URL",
            "",
            "The mail server for notices: `smtp://user:password@host:587/?tls=1`, or `smtps://`. Empty: e-mail channels cannot send.",
        ),
        Variable("MUSTER_EMAIL_FROM", "muster@localhost", "The sender of Muster's e-mails."),
        Variable("MUSTER_LOG_LEVEL", "INFO", "Level of the structured logs on stderr."),
    ]
}


def read(name: str) -> str:
    """The value of a listed variable; a name that is not listed is a programming error (KeyError)."""
    return os.environ.get(name, VARIABLES[name].default)


def data_dir() -> Path:
    return Path(read("MUSTER_DATA_DIR")).expanduser().resolve()


def base_url() -> str:
    """Where this server is reached: the variable, or what the last `up` on this data directory said, so that commands print live links."""
    told = data_dir() / "address"
    if "MUSTER_BASE_URL" not in os.environ and told.exists():
        return told.read_text().strip() or read("MUSTER_BASE_URL")
    return read("MUSTER_BASE_URL")


def time_zone(name: str) -> str:
    """Raises ValueError for what is no zone: better at the start than on every page."""
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(f"MUSTER_TIME_ZONE must be an IANA name such as Europe/Berlin, not {name!r}") from None


@dataclass(frozen=True)
class MailServer:
    """Empty `host`: there is none."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


def mail_server(url: str) -> MailServer:
    """What MUSTER_EMAIL_URL says. Raises ValueError for what is no such address: better at the start than at the first notice."""
    if not url:
        return MailServer()
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("MUSTER_EMAIL_URL must be like smtp://user:password@host:587/?tls=1")
    return MailServer(
        host=parts.hostname,
        port=parts.port or (465 if parts.scheme == "smtps" else 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parse_qs(parts.query).get("tls") == ["1"],
        tls=parts.scheme == "smtps",
    )


def repo_roots() -> list[Path]:
    """Folders that a workspace's repository may lie in (extensions.md, Workspaces)."""
    listed = [Path(p).expanduser().resolve() for p in read("MUSTER_REPO_ROOTS").split(":") if p]
    return listed or [Path.home().resolve(), data_dir()]
