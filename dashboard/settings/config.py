"""The config as a form, and as JSON. Each error is shown at its field, and the input is kept."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.settings import require
from dashboard.settings.config_form import reading, writing
from dashboard.settings.config_form.fields import CHECK, FIELDS, SECTIONS, Field, Section, agent, is_first, new_agent
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import done
from orchestration import configuration
from orchestration.configuration import difference, workspace_setup
from orchestration.configuration.config import agent_kinds
from orchestration.edge import queries
from orchestration.models import Executor
from workspaces.access import Need
from workspaces.errors import Conflict, Invalid

MORE = 1  # empty rows for new checks and agents, without script


@require_http_methods(["GET", "POST"])
@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    stored = page_request.executor.config
    if page_request.request.method == "GET":
        return _page(page_request, stored)
    require(page_request, Need.ADMIN)
    form_data = {name: value for name, value in page_request.request.POST.items() if isinstance(value, str)}
    result = reading.read_json(form_data["whole"], stored) if "whole" in form_data else reading.read(form_data, stored)
    if result.problems:
        return _page(page_request, stored, form_data, result.problems)
    if not result.change:
        return done(page_request, "Nothing was changed")
    try:
        workspace_setup.configure(
            page_request.workspace, result.change, by=page_request.caller, base_version=form_data.get("seen", "")[:64] or "none"
        )
    except Conflict as conflict:
        return _conflict(page_request, conflict, stored, result.change)
    except Invalid as invalid:
        return _page(page_request, stored, form_data, dict.fromkeys(invalid.names or ("config",), invalid.message))
    after = Executor.objects.values_list("config", flat=True).get(pk=page_request.workspace.pk)
    return done(page_request, f"Saved: {difference.sentence(difference.changes(stored, after)) or 'no differences'}")


def _conflict(page_request: PageRequest, conflict: Conflict, stored: dict[str, Any], change: dict[str, Any]) -> HttpResponse:
    """The current values, and the names of the changes that were not saved."""
    unsaved = [name for name in _named(change) if name not in conflict.message]
    return _page(page_request, stored, conflict=conflict.message, unsaved=unsaved)


def _named(change: Mapping[str, Any], at: str = "") -> list[str]:
    names: list[str] = []
    for key, value in change.items():
        names += (
            _named(value, f"{at}{key}.")
            if isinstance(value, Mapping) and value and key not in ("settings", "env")
            else [f"{at}{key}"]
        )
    return names


def _page(
    page_request: PageRequest,
    stored: dict[str, Any],
    form_data: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    *,
    conflict: str = "",
    unsaved: list[str] | None = None,
) -> HttpResponse:
    form_data, problems = form_data or {}, problems or {}
    notes = {"limits.memory_mb": queries.memory_limit()}
    more = MORE if page_request.may(Need.ADMIN) else 0
    response = render_page(
        page_request,
        "settings/config.html",
        HEADER,
        may_admin=page_request.may(Need.ADMIN),
        seen=form_data.get("seen") or difference.version(stored),
        sections=[_section(section, stored, form_data, problems, notes) for section in SECTIONS],
        checks=_checks(stored, form_data, problems, more=more),
        agents=_agents(stored, form_data, problems, more=more),
        whole=form_data.get("whole") or json.dumps(configuration.without_values(stored), indent=2, ensure_ascii=False),
        whole_open="whole" in form_data,
        problems=[(name, anchor(name), message) for name, message in problems.items()],
        conflict=conflict,
        unsaved=unsaved or [],
        page_url=reverse("settings-config", args=[page_request.workspace.pk]),
    )
    response.status_code = 409 if conflict else 400 if problems else 200
    return response


def _section(
    section: Section, stored: dict[str, Any], form_data: Mapping[str, str], problems: Mapping[str, str], notes: Mapping[str, str]
) -> dict[str, Any]:
    """`notes`: by field, what holds now. A part that is switched off, or has a named agent, gets the other fields of an agent once it is saved."""
    has = f"has.{section.optional}"
    on = form_data[has] == "on" if has in form_data else section.optional in stored
    is_whole = not section.optional or (on and not isinstance(reading.value_at(stored, f"{section.optional}.agent"), str))
    fields = section.fields if is_whole else [each for each in section.fields if is_first(each)]
    rows = [
        _row(field, field.path, reading.value_at(stored, field.path), _default(field), form_data, problems)
        for field in (replace(each, help=f"{each.help} {notes.get(each.path, '')}".strip()) for each in fields)
    ]
    open_ = on or any(row["problem"] for row in rows)
    return {
        "section": section,
        "on": on,
        "open": open_,
        "rows": rows,
        "problem": problems.get(section.optional or section.name, ""),
    }


def _checks(
    stored: dict[str, Any], form_data: Mapping[str, str], problems: Mapping[str, str], *, more: int
) -> list[dict[str, Any]]:
    kept = stored.get("verify", [])
    known = reading.rows(form_data, "verify", reading.MAX_CHECKS) or len(kept) + more
    defaults = configuration.Check(name="x", run="x").model_dump()
    rows = []
    for n in range(known):
        check = kept[n] if n < len(kept) else {}
        fields = [
            _row(
                field,
                f"verify.{n}.{field.path}",
                check.get(field.path),
                "" if field.path in ("name", "run") else _text(field, defaults[field.path]),
                form_data,
                problems,
            )
            for field in CHECK
        ]
        rows.append({"n": n, "number": n + 1, "fresh": not check, "rows": fields, "removed": f"verify.{n}.remove" in form_data})
    return rows


def _agents(
    stored: dict[str, Any], form_data: Mapping[str, str], problems: Mapping[str, str], *, more: int
) -> list[dict[str, Any]]:
    kept = sorted(stored.get("agents", {}).items())
    kept += [("", {})] * min(more, reading.MAX_AGENTS - len(kept))
    rows = []
    for n, (name, values) in enumerate(kept):
        at = f"agents.{n}"
        row = []
        for field in agent(at) if name else new_agent(at):
            key = field.path.removeprefix(f"{at}.")
            default = _default(replace(field, path=f"agent.{key}"))
            row.append(_row(field, field.path, values.get(key), default, form_data, problems))
        rows.append(
            {
                "at": at,
                "name": name,
                "title": agent_kinds.title(values.get("kind", configuration.Agent().kind)),
                "model": values.get("model", ""),
                "rows": row,
                "open": any(field["problem"] or (not name and form_data.get(field["name"])) for field in row),
                "removed": f"{at}.remove" in form_data,
            }
        )
    return rows


def _row(
    field: Field, path: str, value: Any, default: str, form_data: Mapping[str, str], problems: Mapping[str, str]
) -> dict[str, Any]:
    problem = problems.get(path) or next(
        (message for name, message in problems.items() if name.startswith(f"{path}.") and name not in FIELDS), ""
    )
    options = field.choices if field.kind == "choice" else (("on", "On"), ("off", "Off")) if field.kind == "flag" else ()
    text = writing.as_text(field, value)
    words = dict(options).get(default, default)
    return {
        "field": field,
        "name": path,
        "id": anchor(path),
        "value": form_data.get(path, text),
        "shown": dict(options).get(text, text),
        "default": words,
        "options": options,
        "problem": problem,
        "tall": field.kind in ("lines", "routes", "env", "json", "template", "command"),
    }


def anchor(path: str) -> str:
    return "f-" + "-".join(path.split("."))


@cache
def _defaults() -> dict[str, Any]:
    agent = configuration.Agent()
    config = configuration.Config(
        verifier=configuration.Verifier(agent=agent),
        interceptor=configuration.Interceptor(agent=agent),
        planner=configuration.Planner(agent=agent),
        expander=configuration.Expander(agent=agent),
        orchestrator=configuration.Orchestrator(agent=agent),
        push=configuration.Push(),
    )
    return configuration.as_json(config)


def _default(field: Field) -> str:
    return "Muster's default" if field.kind == "template" else _text(field, reading.value_at(_defaults(), field.path))


def _text(field: Field, value: Any) -> str:
    if field.kind == "lines" and value and len(value) > 3:
        return f"{', '.join(value[:3])} and {len(value) - 3} more"
    return ", ".join(value) if field.kind == "lines" and value else writing.as_text(field, value)
