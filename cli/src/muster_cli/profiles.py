"""Profiles: servers with their tokens, in one file of the person, and what the environment puts above it."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from muster_cli.errors import LoginNeeded, Problem, Usage

NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
DEFAULT_FILE = "MUSTER_DEFAULT_WORKSPACE_FILE"
"""Set by `./muster` on the server: the file in which its default workspace is kept, beside its token."""


@dataclass(frozen=True)
class Profile:
    name: str
    url: str = ""
    token: str = ""
    workspace: str = ""
    """The default that `muster use` keeps, an id; a name where it was written by hand."""
    expires: str = ""
    """The end of a token that a login has made, as ISO 8601. Empty for one that was pasted."""

    is_of_environment: bool = field(default=False, kw_only=True)
    """The token is that of MUSTER_TOKEN: a login does not replace it."""
    named_workspace: str = field(default="", kw_only=True)
    """That of MUSTER_WORKSPACE."""

    @property
    def option(self) -> str:
        """The option that names it on a command line, after a space. The default needs none."""
        return "" if self.name == "default" else f" --profile {self.name}"

    @property
    def login(self) -> str:
        """The command that makes its next token."""
        return f"muster login {self.url or 'URL'}{self.option}"

    @property
    def refusal(self) -> str:
        """The sentence for a token that its server does not take."""
        if self.is_of_environment:
            return f"MUSTER_TOKEN is set, and {self.url} does not take it: it expired or was revoked. Unset it, or set another."
        if self.is_over:
            return f"Your login to {self.url} has expired: {self.login}"
        return f"{self.url} does not take this token: it expired or was revoked. {self.login}"

    @property
    def is_of_this_machine(self) -> bool:
        """The server sees the folders of this machine, as far as an address can say."""
        return bool(DEFAULT_FILE in os.environ or re.match(r"https?://(localhost|127\.[\d.]+|\[::1\])(:|/|$)", self.url))

    @property
    def is_over(self) -> bool:
        try:
            return bool(self.expires) and datetime.fromisoformat(self.expires) <= datetime.now(UTC)
        except (ValueError, TypeError):  # written by hand
            return False


def file(environ: Mapping[str, str] = os.environ) -> Path:
    """`MUSTER_CONFIG`, or config.toml in the person's folder for settings."""
    if named := environ.get("MUSTER_CONFIG"):
        return Path(named)
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "muster" / "config.toml"


def load(name: str | None = None, environ: Mapping[str, str] = os.environ) -> Profile:
    """The profile to use. A name on the command line wins over the environment, and that over the file. A token of the file goes to no other
    server than its own."""
    chosen, saved = name or environ.get("MUSTER_PROFILE") or "", _saved(environ)
    if not NAME.fullmatch(chosen or "default"):
        raise Usage("The name of a profile has letters, digits, - and _ only.")
    if name and name not in saved:
        raise Usage(f"There is no profile {name}: {Profile(name).login}")
    profile = saved.get(chosen or "default", Profile(chosen or "default"))
    if name:
        return profile
    url, token, named = (environ.get(f"MUSTER_{key}", "") for key in ("URL", "TOKEN", "WORKSPACE"))
    if url and checked_url(url) != profile.url:
        profile = Profile(profile.name, checked_url(url))
    if token:
        profile = replace(profile, token=token, expires="", is_of_environment=True)
    if kept := environ.get(DEFAULT_FILE):
        profile = replace(profile, workspace=_first_line(Path(kept)))
    return replace(profile, named_workspace=named)


def ready(profile: Profile) -> Profile:
    """The profile, if it names a server and a token."""
    if not profile.url:
        raise LoginNeeded(f"No server yet: {profile.login}, or set MUSTER_URL and MUSTER_TOKEN.")
    if not profile.token:
        raise LoginNeeded(f"No token for {profile.url} yet: {profile.login}")
    return profile


def checked_url(url: str) -> str:
    """The address without a slash at its end. `localhost:8765` is taken as http, anything else without a scheme as https."""
    url = url.strip()
    if "://" not in url:
        is_local = re.match(r"(localhost|127\.[\d.]+|\[::1\])(:|/|$)", url)
        url = f"{'http' if is_local else 'https'}://{url}"
    parts = urlsplit(url)
    url = url.rstrip("/")
    try:
        is_complete = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_complete = False
    if parts.scheme not in ("http", "https") or not is_complete or parts.query or parts.fragment or parts.username:
        raise Usage(f"{url} is no address of a server, such as https://muster.example.com")
    return url


def save(profile: Profile, environ: Mapping[str, str] = os.environ) -> Path:
    """Write the file with this profile in it, readable by its owner alone. Another program never sees half of it."""
    if not NAME.fullmatch(profile.name):
        raise Usage("The name of a profile has letters, digits, - and _ only.")
    return _write({**_saved(environ), profile.name: profile}, file(environ))


def keep_workspace(profile: Profile, workspace: str, environ: Mapping[str, str] = os.environ) -> None:
    """Make it the default of the profile's commands. Raises Usage where the server is that of the environment alone."""
    if kept := environ.get(DEFAULT_FILE):
        _replace(Path(kept), f"{workspace}\n")
        return
    known = _saved(environ).get(profile.name)
    if known is None or known.url != profile.url:
        raise Usage(f"There is no profile of {profile.url} to keep it in: {profile.login}, or set MUSTER_WORKSPACE.")
    save(replace(known, workspace=workspace), environ)


def saved(name: str | None = None, environ: Mapping[str, str] = os.environ) -> Profile:
    """The profile as the file has it. Raises Usage when it does not."""
    chosen = name or environ.get("MUSTER_PROFILE") or "default"
    if chosen not in (known := _saved(environ)):
        raise Usage(f"There is no profile {chosen}.")
    return known[chosen]


def every(environ: Mapping[str, str] = os.environ) -> list[Profile]:
    return list(_saved(environ).values())


def forget(name: str, environ: Mapping[str, str] = os.environ) -> None:
    """Write the file without this profile."""
    _write({key: profile for key, profile in _saved(environ).items() if key != name}, file(environ))


def _write(profiles: Mapping[str, Profile], path: Path) -> Path:
    _replace(path, "\n".join(_section(each) for each in profiles.values()))
    return path


def _replace(path: Path, content: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    try:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(content)
        unfinished.replace(path.resolve())  # behind a link, as dotfiles often are
    finally:
        unfinished.unlink(missing_ok=True)


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip().partition("\n")[0]
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as problem:
        raise Problem(f"{path} cannot be read: {problem}") from None


def _saved(environ: Mapping[str, str]) -> dict[str, Profile]:
    path = file(environ)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise Problem(f"{path} cannot be read: {problem}") from None
    sections = content.get("profiles", {})
    if not isinstance(sections, dict) or not all(isinstance(each, dict) for each in sections.values()):
        raise Problem(f"{path}: profiles are sections such as [profiles.default]")
    keys = ("url", "token", "workspace", "expires")
    return {name: Profile(name, *(str(each.get(key, "")) for key in keys)) for name, each in sections.items()}


def _section(profile: Profile) -> str:
    pairs = {"url": profile.url, "token": profile.token, "workspace": profile.workspace, "expires": profile.expires}
    return "".join([f"[profiles.{profile.name}]\n", *(f"{key} = {_text(value)}\n" for key, value in pairs.items() if value)])


def _text(value: str) -> str:
    """A string of TOML."""
    marked = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", marked) + '"'
