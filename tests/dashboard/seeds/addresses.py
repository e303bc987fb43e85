"""Every address that the site has, taken from its own map: a page that is added tomorrow is attacked tomorrow."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from budget.models import LedgerEntry
from orchestration.models import Entry, Session
from workspaces.models import Membership, Workspace

MOVED = "moved"  # an address of an earlier release: it leads to the page and reads nothing
FOREIGN = ("admin/", "api/v1/", "static/")  # they have tests of their own
_PART = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>((?:[^()\\]|\\.)*)\)")


@dataclass(frozen=True)
class Address:
    """`parts`: the names in its path; `verbs`: the words that it takes for `verb`."""

    name: str
    route: str
    parts: tuple[str, ...]
    verbs: tuple[str, ...]

    def path(self, values: dict[str, Any]) -> str:
        filled = _PART.sub(lambda match: str(values[match[1] or match[2]]), self.route)
        return "/" + filled.lstrip("^").rstrip("$").removesuffix(".*")


def every() -> list[Address]:
    return sorted(set(_walk(get_resolver().url_patterns, "")), key=lambda address: address.route)


def values(workspace: Workspace, verb: str = "x") -> dict[str, Any]:
    """A value for each part of a path: a row of the workspace where it has one of that kind."""
    member, row = (
        Membership.objects.filter(workspace=workspace).first(),
        LedgerEntry.objects.filter(project_id=workspace.pk).first(),
    )
    entry = Entry.objects.filter(workspace=workspace, status="pending").order_by("seq")[0]
    session = Session.objects.filter(workspace=workspace, status="running").order_by("id")[0]
    return {
        "workspace_id": workspace.pk,
        "entry_id": entry.pk,
        "session_id": session.pk,
        "run_id": "run_00000000000000000000",
        "proposal_id": "1",
        "trigger_id": "trig_00000000000000000000",
        "member_id": member.pk if member else 1,
        "row_id": row.pk if row else 1,
        "token_id": 1,
        "passkey_id": 1,
        "group_id": 1,
        "comment_id": 1,
        "view_id": 1,
        "review_id": "rev_00000000000000000000",
        "channel_id": "chan_00000000000000000000",
        "delivery_id": "1",
        "name": "A_KEY",
        "what": "priority",
        "role": "planner",
        "number": 1,
        "host_id": session.host_id or "host_x",
        "old": "entries",
        "verb": verb,
        "token": "x.y",
    }


def _walk(patterns: Any, before: str) -> Iterator[Address]:
    for pattern in patterns:
        route = before + _route(pattern)
        if route.lstrip("^").startswith(FOREIGN) and "orchestration/events" not in route:
            continue
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            parts_ = list(_PART.finditer(route))
            verbs = next((part[3].split("|") for part in parts_ if part[2] == "verb"), [])
            yield Address(pattern.name or route, route, tuple(part[1] or part[2] for part in parts_), tuple(verbs))


def _route(resolved: Any) -> str:
    pattern = resolved.pattern
    return str(pattern._route if isinstance(pattern, RoutePattern) else pattern._regex)
