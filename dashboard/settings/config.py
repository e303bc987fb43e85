"""The config as a form, and whole as JSON. Each field's error stands beside it, and what a person wrote stays."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.settings import demand
from dashboard.settings.config_form import reading, writing
from dashboard.settings.config_form.fields import CHECK, SECTIONS, Field, Section
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, show
from dashboard.shared.responses import done
from orchestration import configuration
from orchestration.configuration import difference, workspace_setup
from orchestration.models import Executor
from workspaces.access import Need
from workspaces.errors import Conflict, Invalid

MORE_CHECKS = 1  # empty rows to write one more into, without script


@require_http_methods(["GET", "POST"])
@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    stored = page_request.executor.config
    if page_request.request.method == "GET":
        return _page(page_request, stored)
    demand(page_request, Need.ADMIN)
    said = {name: value for name, value in page_request.request.POST.items() if isinstance(value, str)}
    found = reading.whole(said["whole"], stored) if "whole" in said else reading.read(said, stored)
    if found.problems:
        return _page(page_request, stored, said, found.problems)
    if not found.change:
        return done(page_request, "Nothing was changed")
    try:
        workspace_setup.configure(
            page_request.workspace, found.change, by=page_request.caller, seen=said.get("seen", "")[:64] or "none"
        )
    except Conflict as conflict:
        return _overtaken(page_request, conflict, stored, found.change)
    except Invalid as invalid:
        return _page(page_request, stored, said, dict.fromkeys(invalid.names or ("config",), invalid.message))
    after = Executor.objects.values_list("config", flat=True).get(pk=page_request.workspace.pk)
    return done(page_request, f"Saved: {difference.sentence(difference.changes(stored, after)) or 'nothing else than before'}")


def _overtaken(page_request: PageRequest, conflict: Conflict, stored: dict[str, Any], change: dict[str, Any]) -> HttpResponse:
    """The fields as they are now; and what this person wanted, without what was only not there yet when they began."""
    wanted = [one for one in _named(change) if one not in conflict.message]
    return _page(page_request, stored, conflict=conflict.message, wanted=wanted)


def _named(change: Mapping[str, Any], at: str = "") -> list[str]:
    found: list[str] = []
    for key, one in change.items():
        found += (
            _named(one, f"{at}{key}.") if isinstance(one, Mapping) and one and key not in ("settings", "env") else [f"{at}{key}"]
        )
    return found


def _page(
    page_request: PageRequest,
    stored: dict[str, Any],
    said: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    *,
    conflict: str = "",
    wanted: list[str] | None = None,
) -> HttpResponse:
    said, problems = said or {}, problems or {}
    checks = _checks(stored, said, problems, more=MORE_CHECKS if page_request.may(Need.ADMIN) else 0)
    response = show(
        page_request,
        "settings/config.html",
        HEADER,
        tab="config",
        may_admin=page_request.may(Need.ADMIN),
        seen=said.get("seen") or difference.version(stored),
        sections=[_section(one, stored, said, problems) for one in SECTIONS],
        checks=checks,
        whole=said.get("whole") or json.dumps(configuration.without_values(stored), indent=2, ensure_ascii=False),
        whole_open="whole" in said,
        problems=[(name, _anchor(name), message) for name, message in problems.items()],
        conflict=conflict,
        wanted=wanted or [],
        page_url=reverse("settings-config", args=[page_request.workspace.pk]),
    )
    response.status_code = 409 if conflict else 400 if problems else 200
    return response


def _section(section: Section, stored: dict[str, Any], said: Mapping[str, str], problems: Mapping[str, str]) -> dict[str, Any]:
    has = f"has.{section.optional}"
    on = said[has] == "on" if has in said else section.optional in stored
    rows = [_row(one, one.path, reading.at(stored, one.path), _default(one), said, problems) for one in section.fields]
    open_ = on or any(row["problem"] for row in rows)
    return {
        "section": section,
        "on": on,
        "open": open_,
        "rows": rows,
        "problem": problems.get(section.optional or section.name, ""),
    }


def _checks(stored: dict[str, Any], said: Mapping[str, str], problems: Mapping[str, str], *, more: int) -> list[dict[str, Any]]:
    kept = stored.get("verify", [])
    count = said.get("verify.count", "")
    known = min(int(count), reading.MOST_CHECKS) if count.isascii() and count.isdigit() and len(count) < 4 else len(kept) + more
    defaults = configuration.Check(name="x", run="x").model_dump()
    rows = []
    for n in range(known):
        check = kept[n] if n < len(kept) else {}
        fields = [
            _row(
                one,
                f"verify.{n}.{one.path}",
                check.get(one.path),
                "" if one.path in ("name", "run") else _text(one, defaults[one.path]),
                said,
                problems,
            )
            for one in CHECK
        ]
        rows.append({"n": n, "number": n + 1, "fresh": not check, "rows": fields, "removed": f"verify.{n}.remove" in said})
    return rows


def _row(one: Field, path: str, value: Any, default: str, said: Mapping[str, str], problems: Mapping[str, str]) -> dict[str, Any]:
    problem = problems.get(path) or next((told for name, told in problems.items() if name.startswith(f"{path}.")), "")
    options = one.choices if one.kind == "choice" else (("on", "On"), ("off", "Off")) if one.kind == "flag" else ()
    text = writing.shown(one, value)
    words = dict(options).get(default, default)
    return {
        "field": one,
        "name": path,
        "id": _anchor(path),
        "value": said.get(path, text),
        "shown": dict(options).get(text, text),
        "default": words,
        "options": options,
        "problem": problem,
        "tall": one.kind in ("lines", "env", "json", "template", "command"),
    }


def _anchor(path: str) -> str:
    return "f-" + "-".join(path.split("."))


@cache
def _defaults() -> dict[str, Any]:
    agent = configuration.Agent()
    every = configuration.Config(
        verifier=configuration.Verifier(agent=agent),
        interceptor=configuration.Interceptor(agent=agent),
        push=configuration.Push(),
    )
    return configuration.as_json(every)


def _default(one: Field) -> str:
    return "Muster's own" if one.kind == "template" else _text(one, reading.at(_defaults(), one.path))


def _text(one: Field, value: Any) -> str:
    if one.kind == "lines" and value and len(value) > 3:
        return f"{', '.join(value[:3])} and {len(value) - 3} more"
    return ", ".join(value) if one.kind == "lines" and value else writing.shown(one, value)
