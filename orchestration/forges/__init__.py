"""The forges where work can land as pull requests: one package each, with `adapter` (its API), `issues` (the part of it about issues), `webhook` (what it posts) and `config` (its address).

To add one: a package of the shape in shared/interface.py, and a row here (CONTRIBUTING.md).
"""

import re

from orchestration.forges import gitea, github, gitlab
from orchestration.forges.shared.interface import Kind

KINDS: dict[str, Kind] = {
    "github": github,
    "gitlab": gitlab,
    "gitea": gitea,
}
"""By the config's `forge.kind`, in the order of menus."""

_ORIGIN = re.compile(r"(?:https://(?:[^@/]+@)?|ssh://git@|git@)([\w.-]+)[/:](.+?)(?:\.git)?/?")


def with_public_server() -> list[str]:
    """The titles of the forges that need no address in the config."""
    return [kind.CONFIG.title for kind in KINDS.values() if kind.CONFIG.url]


def compare_url(origin: str, base: str, branch: str) -> str:
    """The page that compares the two branches; empty where no forge is known by this address."""
    if (match := _ORIGIN.fullmatch(origin)) is None:
        return ""
    host, path = match.groups()
    known = (kind.CONFIG for kind in KINDS.values() if kind.CONFIG.hosts and re.fullmatch(kind.CONFIG.hosts, host))
    return next((f"https://{host}/{path}/{config.compare_path}/{base}...{branch}" for config in known), "")
