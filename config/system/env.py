"""All settings that users make: name, default, accepted values, purpose.

`config/settings.py` reads them through `value` and refuses to start while one is invalid; `docs/reference/settings.md` is checked against this table
by a test.
"""

import difflib
import ipaddress
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True)
class Kind:
    """The accepted values in words, and their parser, which raises ValueError for any other text."""

    takes: str
    read: Callable[[str], Any]


@dataclass(frozen=True)
class Variable:
    name: str
    kind: Kind
    default: str
    help: str


@dataclass(frozen=True)
class MailServer:
    """Empty `host`: no mail server."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


def mail_server(url: str) -> MailServer:
    if not url:
        return MailServer()
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError(url)
    return MailServer(
        host=parts.hostname,
        port=parts.port or (465 if parts.scheme == "smtps" else 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parse_qs(parts.query).get("tls") == ["1"],
        tls=parts.scheme == "smtps",
    )


def _matching(takes: str, pattern: str) -> Kind:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return Kind(takes, read)


def _number(kind: type[int] | type[float], takes: str, low: float, high: float) -> Kind:
    def read(text: str) -> float:
        number = kind(text)
        if not low <= number <= high:  # also refuses NaN
            raise ValueError(text)
        return number

    return Kind(f"{takes} from {low:g} to {high:g}", read)


def _seconds(low: float, high: float) -> Kind:
    return _number(float, "a number", low, high)


def _list_of(takes: str, item: Callable[[str], Any], separator: str = ",") -> Kind:
    return Kind(takes, lambda text: [item(part.strip()) for part in text.split(separator) if part.strip()])


def _gateway(text: str) -> str:
    """Empty: there is none."""
    return "" if text in ("", "off") else str(_url("", "http", "https").read(text.rstrip("/")))


def _url(takes: str, *schemes: str, empty: bool = True, host: bool = True) -> Kind:
    def read(text: str) -> str:
        if text or not empty:
            parts = urlsplit(text)
            _ = parts.port  # raises ValueError
            if parts.scheme not in schemes or (host and not parts.hostname) or re.search(r"\s", text):
                raise ValueError(text)
        return text

    return Kind(takes, read)


def _issuer(text: str) -> str:
    if text:
        parts = urlsplit(_url("", "http", "https").read(text))
        if parts.query or parts.fragment or (parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1")):
            raise ValueError(text)
    return text


def _folder(text: str) -> Path:
    try:
        folder = Path(text).expanduser().resolve()
        usable = bool(text.strip()) and (folder.is_dir() or not folder.exists())
    except (OSError, RuntimeError):  # a folder that may not be entered; no such user, a circle of links
        usable = False
    if not usable:
        raise ValueError(text)
    return folder


def _host(text: str) -> str:
    if not re.fullmatch(r"\*|\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\]", text):
        raise ValueError(text)
    return text


def _label(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", text):
        raise ValueError(text)
    return text


def _network(text: str) -> str:
    if text != "*":
        ipaddress.ip_network(text, strict=False)
    return text


def _host_or_network(text: str) -> str:
    try:
        return _network(text)
    except ValueError:
        return _host(text)


def time_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(name) from None


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise ValueError(text)
    return text.upper()


LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
TEXT = Kind("text", str)


VARIABLES = {
    v.name: v
    for v in [
        Variable(
            "MUSTER_DATA_DIR",
            Kind("a folder, there or not yet", _folder),
            "~/.local/share/muster",
            "Where the embedded database, working copies and session files live.",
        ),
        Variable(
            "MUSTER_REPO_ROOTS",
            _list_of("folders", _folder, ":"),
            "",
            "Colon-separated folders that workspaces' repositories may lie in. Empty: the home directory and the data directory.",
        ),
        Variable(
            "DATABASE_URL",
            _url("`postgresql://user:password@host/name`", "postgresql", "postgres", "sqlite", host=False),
            "",
            "A PostgreSQL address for teams. Empty: SQLite in the data directory.",
        ),
        Variable(
            "REDIS_URL",
            _url("`redis://host:6379/0`, `rediss://` or `unix:///path`", "redis", "rediss", "unix", host=False),
            "",
            "A Redis or Valkey address for teams. Empty: the embedded Valkey on a socket in the data directory.",
        ),
        Variable("DATABASE_HOST", TEXT, "", "PostgreSQL's host, in place of `DATABASE_URL`: then nothing needs to be encoded."),
        Variable("DATABASE_PORT", _number(int, "a whole number", 1, 65535), "5432", "PostgreSQL's port."),
        Variable("DATABASE_NAME", TEXT, "muster", "The database's name."),
        Variable("DATABASE_USER", TEXT, "muster", "The user of the database."),
        Variable("DATABASE_PASSWORD", TEXT, "", "Its password, as it is."),
        Variable("REDIS_HOST", TEXT, "", "The host of Redis or Valkey, in place of `REDIS_URL`."),
        Variable("REDIS_PORT", _number(int, "a whole number", 1, 65535), "6379", "Its port."),
        Variable("REDIS_USER", TEXT, "", "Its user, if it has one."),
        Variable("REDIS_PASSWORD", TEXT, "", "Its password, as it is."),
        Variable(
            "MUSTER_SECRET_KEY",
            TEXT,
            "",
            "Seals stored secrets and signs sessions. Empty: made once and kept in the data directory.",
        ),
        Variable(
            "MUSTER_SECRET_KEY_OTHER",
            TEXT,
            "",
            "While the key is changed: the other one, old or new, with which what was sealed and signed is read too.",
        ),
        Variable(
            "MUSTER_ALLOWED_HOSTS",
            _list_of("host names, without scheme or port", _host),
            "127.0.0.1,localhost,[::1]",
            "Comma-separated host names that the web server answers to.",
        ),
        Variable(
            "MUSTER_TRUSTED_PROXIES",
            _list_of("IP addresses and networks", _network),
            "",
            "Comma-separated addresses and networks of the proxies in front, whose `X-Forwarded-For` and `-Proto` are believed. Empty: nobody's.",
        ),
        Variable(
            "MUSTER_BASE_URL",
            _url("an `http://` or `https://` address", "http", "https", empty=False),
            "http://127.0.0.1:8765",
            "Where agents and links reach this server.",
        ),
        Variable(
            "MUSTER_AGENT_URL",
            _url("an `http://` or `https://` address", "http", "https"),
            "",
            "Where agents reach the API: the second port of the web server, which answers sessions' tokens alone. Empty: as `MUSTER_BASE_URL`.",
        ),
        Variable(
            "MUSTER_AGENT_LISTEN",
            _matching("a host name or an IP address", r"[A-Za-z0-9.:_-]*"),
            "",
            "The address on which `./muster web` listens for agents, such as that of the internal network. Empty: as its `--host`.",
        ),
        Variable(
            "MUSTER_GATEWAY_URL",
            Kind("an `http://` or `https://` address, or `off`", _gateway),
            "off",
            "Where agents reach the gateway, which sends their requests on with the providers' keys, within the reserved money. `up` starts its own. `off`: agents get "
            "the keys, and are metered by what they report.",
        ),
        Variable(
            "MUSTER_TIME_ZONE",
            Kind("an IANA name such as Europe/Berlin", time_zone),
            "UTC",
            "The zone that times are shown in to who has not chosen one (an IANA name).",
        ),
        Variable(
            "MUSTER_ENV_LABEL",
            Kind("text, of which 20 characters are shown", lambda text: text[:20]),
            "",
            "What this server is, shown beside the name on every page, such as PROD or STAGING. Empty: nothing.",
        ),
        Variable(
            "MUSTER_DEMO",
            _matching("0 or 1", "[01]"),
            "0",
            "1 starts the demo at the first login of a server without workspaces. `./muster up` sets it, unless `--no-demo` is given.",
        ),
        Variable("MUSTER_DEBUG", _matching("0 or 1", "[01]"), "0", "1 shows Django's debug pages. Never in production."),
        Variable(
            "MUSTER_SESSION_SLOTS",
            _number(int, "a whole number", 1, 1000),
            "8",
            "Worker sessions that one session-worker process supervises at once.",
        ),
        Variable(
            "MUSTER_JUDGES",
            _number(int, "a whole number", 0, 1000),
            "0",
            "Judgements that run setup and checks at once on this host, in all its processes; others wait for their turn. 0: no limit.",
        ),
        Variable(
            "MUSTER_LABELS",
            _list_of("labels of letters, digits, `.`, `_` and `-`", _label),
            "",
            "Comma-separated labels of this host, such as gpu,eu: a workspace or an entry names in `requires` those that its sessions need.",
        ),
        Variable("MUSTER_LEASE_S", _seconds(1, 3600), "60", "Seconds a session's lease lasts; renewed every quarter of it."),
        Variable(
            "MUSTER_LEASE_GRACE_S",
            _seconds(0, 3600),
            "15",
            "Seconds after a lease's end before another host may act on the session.",
        ),
        Variable(
            "MUSTER_LOST_HOST_S",
            _seconds(0, 604800),
            "3600",
            "Seconds that a host may be away: then what only it had is given up, its entries begin again from what it had shared, "
            "and what it may have spent is charged as an estimate.",
        ),
        Variable(
            "MUSTER_STOP_GRACE_S",
            _seconds(0, 600),
            "5",
            "Seconds between a stop and SIGKILL; each agent's own kill sequence comes before it.",
        ),
        Variable(
            "MUSTER_DRAIN_S",
            _seconds(0, 86400),
            "60",
            "Seconds for which a session worker lets its rounds go on after SIGTERM. Then they are interrupted. `./muster up` gives none.",
        ),
        Variable(
            "MUSTER_CGROUP_PARENT",
            _matching("an absolute folder, or `none`", "(none|/.*)?"),
            "",
            "The cgroup v2 folder in which each agent gets a group of its own. Empty: the worker's own, where it may be written; `none`: no groups.",
        ),
        Variable(
            "MUSTER_SANDBOX",
            _matching("auto, bubblewrap or none", "auto|bubblewrap|none"),
            "auto",
            "The sandbox of this host's sessions. `auto`: bubblewrap where it works; `bubblewrap`: no session starts without it; `none`: no sandbox.",
        ),
        Variable(
            "MUSTER_POLL_S",
            _seconds(0.01, 60),
            "0.5",
            "Seconds between checks for stop requests of running sessions, when no message asks for an immediate check.",
        ),
        Variable("MUSTER_TICK_S", _seconds(0.05, 3600), "5", "Seconds between two safety-net ticks of the executor."),
        Variable(
            "MUSTER_KEEP_DAYS",
            _number(float, "a number", 0, 36500),
            "14",
            "Days that agents' own files (conversations, prompts, journals) are kept after an entry last worked.",
        ),
        Variable(
            "MUSTER_KEEP_LOGS_DAYS",
            _number(float, "a number", 1, 36500),
            "90",
            "Days that a session's log and prompt, and what was sent to a channel, are kept in the database after they ended.",
        ),
        Variable(
            "MUSTER_KEEP_EVENTS_DAYS",
            _number(float, "a number", 31, 36500),
            "365",
            "Days that the activity log keeps what Muster did by itself. What a person did stays for good.",
        ),
        Variable(
            "MUSTER_KEEP_VERDICTS_DAYS",
            _number(float, "a number", 1, 36500),
            "90",
            "Days that results of checks are kept for work that did not land. Those of what landed stay for good.",
        ),
        Variable(
            "MUSTER_DISK_RESERVE_MB",
            _number(int, "a whole number", 0, 100_000),
            "200",
            "MiB that must be free on the disk of the data directory for a host's workers to take new sessions. Running ones go on.",
        ),
        Variable(
            "MUSTER_WEBHOOK_ALLOW",
            _list_of("host names, IP addresses and networks", _host_or_network),
            "",
            "Comma-separated hosts and networks that webhooks, and requests to a forge, may reach though they are not public, or by plain http. Empty: only https to public addresses.",
        ),
        Variable(
            "MUSTER_EMAIL_URL",
            Kind("`smtp://user:password@host:587/?tls=1` or `smtps://`", mail_server),
            "",
            "The mail server for notices: `smtp://user:password@host:587/?tls=1`, or `smtps://`. Empty: e-mail channels cannot send.",
        ),
        Variable(
            "MUSTER_EMAIL_PASSWORD", TEXT, "", "The mail server's password, as it is, in place of one in `MUSTER_EMAIL_URL`."
        ),
        Variable(
            "MUSTER_EMAIL_FROM",
            _matching("an address such as muster@example.com", r".*[^@\s]+@[^@\s]+"),
            "muster@localhost",
            "The sender of Muster's e-mails.",
        ),
        Variable(
            "MUSTER_OIDC_ISSUER",
            Kind("an `https://` address, or `http://` on loopback", _issuer),
            "",
            "The provider of single sign-on (OpenID Connect), as it names itself. Empty: people log in with a password or a link alone.",
        ),
        Variable("MUSTER_OIDC_CLIENT_ID", TEXT, "", "Muster's name at the provider."),
        Variable("MUSTER_OIDC_CLIENT_SECRET", TEXT, "", "Its secret there."),
        Variable("MUSTER_OIDC_NAME", TEXT, "single sign-on", "The provider's name on the login page."),
        Variable(
            "MUSTER_OIDC_SCOPES",
            _matching("words, `openid` among them", r"(\S+ )*openid( \S+)*"),
            "openid profile email",
            "What is requested. Many providers give a refresh token for `offline_access`, and groups for a scope of their own.",
        ),
        Variable(
            "MUSTER_OIDC_PROMPT",
            _matching("words of login, consent and select_account", r"((login|consent|select_account)( (?!$)|$))*"),
            "",
            "What the provider shows at each login. Some give a refresh token for `offline_access` with `consent` alone.",
        ),
        Variable(
            "MUSTER_OIDC_GROUPS_CLAIM",
            _matching("a name", r"\S+"),
            "groups",
            "The claim that lists a person's groups, or names one. A path reads one inside another: `realm_access.roles`.",
        ),
        Variable(
            "MUSTER_OIDC_MAX_AGE",
            _seconds(60, 2592000),
            "43200",
            "Seconds that a login by the provider lasts. Then it is renewed by its refresh token, or ends.",
        ),
        Variable(
            "MUSTER_MCP_CLIENTS",
            _matching(
                "`documents`, `registration`, or both with a comma", "(documents|registration)(,(documents|registration))?"
            ),
            "documents",
            "How MCP clients make themselves known: by documents at public addresses, which the web server must reach, or by registration without a person.",
        ),
        Variable(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            _url("an `http://` or `https://` address", "http", "https"),
            "",
            "Where traces are sent by OTLP over HTTP, such as http://127.0.0.1:4318. Empty: nowhere. OpenTelemetry's other variables hold too.",
        ),
        Variable(
            "MUSTER_TRACE_URL",
            _matching("an address that contains {trace_id}", r"(https?://\S*\{trace_id\}\S*)?"),
            "",
            "What the trace id on a session's page links to, such as https://traces.example.com/trace/{trace_id}. Empty: it is no link.",
        ),
        Variable(
            "MUSTER_LOG_FORMAT",
            _matching("text or json", "text|json"),
            "text",
            "What processes write to stderr: lines for people, or JSON, one object a line, for what collects logs.",
        ),
        Variable(
            "MUSTER_LOG_LEVEL",
            Kind("DEBUG, INFO, WARNING, ERROR or CRITICAL", _log_level),
            "INFO",
            "Level of the structured logs on stderr.",
        ),
    ]
}


SECRET = (
    "DATABASE_URL",
    "DATABASE_PASSWORD",
    "REDIS_URL",
    "REDIS_PASSWORD",
    "MUSTER_SECRET_KEY",
    "MUSTER_SECRET_KEY_OTHER",
    "MUSTER_EMAIL_URL",
    "MUSTER_EMAIL_PASSWORD",
    "MUSTER_OIDC_CLIENT_SECRET",
)
"""Each can be in a file that `NAME_FILE` names, as containers get their secrets. No message shows their values."""
PARTS = {"DATABASE_HOST": "DATABASE_URL", "REDIS_HOST": "REDIS_URL"}
IN_PARTS = {
    "DATABASE_URL": ". A password with /, @, # or % must be percent-encoded there; DATABASE_HOST, DATABASE_USER and DATABASE_PASSWORD take it as it is",
    "REDIS_URL": ". A password with /, @, # or % must be percent-encoded there; REDIS_HOST and REDIS_PASSWORD take it as it is",
    "MUSTER_EMAIL_URL": ". A password with /, @, # or % must be percent-encoded there; MUSTER_EMAIL_PASSWORD takes it as it is",
}


def read(name: str) -> str:
    """The text of a listed variable, or of the file that names its secret; a name that is not listed is a programming error (KeyError). Raises
    OSError or ValueError for a file that cannot be read, which `exit_if_bad` reports earlier."""
    file = os.environ.get(f"{name}_FILE", "") if name in SECRET else ""
    if file and not os.environ.get(name):
        return Path(file).read_text().strip("\r\n")
    return os.environ.get(name, VARIABLES[name].default)


def is_given(*names: str) -> bool:
    """True if one of these has a text."""
    return any(read(name) for name in names)


def value(name: str) -> Any:
    """The parsed value. Raises ValueError for an invalid one, which `exit_if_bad` reports earlier."""
    return VARIABLES[name].kind.read(read(name))


def problems() -> list[str]:
    """A sentence for each invalid setting, without the values of settings that may hold a secret."""
    unreadable = [sentence for name in SECRET if (sentence := _file_problem(name))]
    if unreadable:
        return unreadable
    twice = [
        f"{host} and {url} say the same thing: set one of them" for host, url in PARTS.items() if is_given(host) and is_given(url)
    ]
    return twice + [sentence for variable in VARIABLES.values() if (sentence := _problem(variable))]


def _file_problem(name: str) -> str:
    file = os.environ.get(f"{name}_FILE", "")
    if not file:
        return ""
    if os.environ.get(name):
        return f"{name} and {name}_FILE say the same thing: set one of them"
    try:
        read(name)
    except (OSError, ValueError) as problem:
        return f"{name}_FILE names {file}, which cannot be read: {getattr(problem, 'strerror', None) or 'it is no text'}"
    return ""


def _problem(variable: Variable) -> str:
    try:
        value(variable.name)
    except ValueError:
        is_secret = variable.name in SECRET or variable.name.endswith("_ENDPOINT")
        given = IN_PARTS.get(variable.name, "") if is_secret else f", not {read(variable.name)!r}"
        return f"{variable.name} must be {variable.kind.takes.replace('`', '')}{given}"
    return ""


def exit_if_bad() -> None:
    """End the process with exit code 2 and one line for all invalid settings."""
    if bad := problems():
        _refuse("; ".join(bad))


def _refuse(sentences: str) -> NoReturn:
    print(f"muster: {sentences}. See docs/reference/settings.md.", file=sys.stderr, flush=True)
    raise SystemExit(2)


def warn_of_unknown() -> None:
    """A line on stderr for each unknown MUSTER_ variable, usually a typing error. Agents' sessions have variables of their own."""
    if "MUSTER_SESSION_ID" in os.environ:
        return
    for name in sorted(os.environ):
        known = name in VARIABLES or (name.endswith("_FILE") and name.removesuffix("_FILE") in SECRET)
        if name.startswith("MUSTER_") and not name.startswith("MUSTER_TEST_") and not known:
            near = difflib.get_close_matches(name, VARIABLES, n=1)
            print(f"muster: {name} is not a setting{f'; did you mean {near[0]}?' if near else ''}", file=sys.stderr)


def data_dir() -> Path:
    return _folder(read("MUSTER_DATA_DIR"))


def base_url() -> str:
    """This server's URL: the variable, or the address of the last `up` on this data directory, so that commands print working links."""
    address = data_dir() / "address"
    if "MUSTER_BASE_URL" not in os.environ and address.exists():
        return address.read_text().strip() or read("MUSTER_BASE_URL")
    return read("MUSTER_BASE_URL")


def agent_url() -> str:
    """The address at which agents reach the API: the variable, or the agents' address of the last `up` on this data directory, or that of
    people."""
    address = data_dir() / "agent-address"
    if not read("MUSTER_AGENT_URL") and "MUSTER_BASE_URL" not in os.environ and address.exists():
        return address.read_text().strip() or base_url()
    return read("MUSTER_AGENT_URL") or base_url()


def gateway_url() -> str:
    """The address of the gateway: the variable, or that of the last `up` on this data directory. Empty: there is none."""
    address = data_dir() / "gateway-address"
    if "MUSTER_GATEWAY_URL" not in os.environ and "MUSTER_BASE_URL" not in os.environ and address.exists():
        return address.read_text().strip()
    return str(value("MUSTER_GATEWAY_URL"))


def repo_roots() -> list[Path]:
    """Folders that a workspace's repository may lie in."""
    return value("MUSTER_REPO_ROOTS") or [Path.home().resolve(), data_dir()]
