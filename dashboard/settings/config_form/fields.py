"""The config's keys as form fields. Their words, types and defaults are the config's own (`configuration/config`)."""

from dataclasses import dataclass, replace
from decimal import Decimal
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from orchestration.configuration import Agent, Check, Config
from orchestration.configuration.config import agent_kinds
from orchestration.configuration.config.fields import Part, plain, unit
from workspaces.schemas import OneOf

Choices = tuple[tuple[str, str], ...]
KINDS: dict[Any, str] = {bool: "flag", int: "int", float: "float", Decimal: "usd", dict: "env", list: "lines", Literal: "choice"}
WRITTEN = {
    "lines": "One per line.",
    "env": "NAME=value, one per line. A line that ends in … keeps its value.",
    "command": "Arguments are a list in JSON.",
    "json": "A JSON object.",
    "route": "Agents, each with its effort, rounds, candidates, such as cheap 2 > default high best of 3.",
    "routes": "One per line, GROUP: ROUTE, such as db*: default high.",
}
"""By kind: the hint on how a value is written."""


@dataclass(frozen=True)
class Field:
    """`path`: the key, dotted. `kind`: how it is written (writing.py)."""

    path: str
    label: str
    help: str = ""
    kind: str = "text"
    unit: str = ""
    choices: Choices = ()


@dataclass(frozen=True)
class Section:
    """`optional`: a part of the config that may be missing as a whole, with the words of its switch."""

    name: str
    title: str
    help: str
    fields: tuple[Field, ...] = ()
    optional: str = ""
    switch: str = ""


def of_key(path: str, key: FieldInfo) -> Field:
    kind, choices = _kind(key)
    help = f"{plain(key.description or '')} {WRITTEN.get(kind, '')}".strip()
    name = path.rpartition(".")[2]
    return Field(path, key.title or "", help, kind, unit(name), choices)


def _kind(key: FieldInfo) -> tuple[str, Choices]:
    """The kind that its key names, else that of its type, with the values to choose from."""
    if isinstance(key.json_schema_extra, dict) and (kind := key.json_schema_extra.get("kind")):
        return str(kind), ()
    if names := next((mark.names for mark in key.metadata if isinstance(mark, OneOf)), None):
        return "choice", tuple((name, agent_kinds.TITLES.get(name, name)) for name in names)
    types = [_bare(each) for each in _members(key.annotation) if each is not type(None)]
    if len(types) > 1:
        return "command", ()
    kind = KINDS.get(get_origin(types[0]) or types[0], "text")
    return kind, tuple((value, value) for value in get_args(types[0])) if kind == "choice" else ()


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (UnionType, Union) else (annotation,)


def _bare(annotation: Any) -> Any:
    """Without Annotated."""
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def _part(key: FieldInfo) -> type[Part] | None:
    return next((each for each in _members(key.annotation) if isinstance(each, type) and issubclass(each, Part)), None)


def of_part(at: str, part: type[Part]) -> tuple[Field, ...]:
    """The fields of a part of the config at this key. The agent of a role comes last: its name, or its own keys."""
    keys = sorted(part.model_fields.items(), key=lambda item: item[0] == "agent")
    fields = tuple(of_key(f"{at}.{name}", key) for name, key in keys if key.title)
    return fields + (agent(f"{at}.agent") if "agent" in part.model_fields else ())


def agent(at: str) -> tuple[Field, ...]:
    """The fields of the agent at this key. One that reviews or proposes has no fallback."""
    fields = of_part(at, Agent)
    return fields[:-1] if at.endswith(".agent") else fields


def is_first(field: Field) -> bool:
    """True for the fields that say who an agent is, and for those of no agent."""
    return (".agent." not in field.path and not field.path.startswith("agents.")) or field.path.endswith(
        (".kind", ".command", ".model")
    )


def new_agent(at: str) -> tuple[Field, ...]:
    """The fields of a named agent that is not saved yet. It gets the others then."""
    name = Field(f"{at}.name", "Name", "Entries and plans ask for it by this name, such as cheap.")
    return (name, *filter(is_first, agent(at)))


def _at(path: str) -> tuple[Field, ...]:
    """The field of a key, or those of a part."""
    part: type[Part] = Config
    *parents, name = path.split(".")
    for parent in parents:
        part = _part(part.model_fields[parent]) or part
    inner = _part(part.model_fields[name])
    return of_part(path, inner) if inner else (of_key(path, part.model_fields[name]),)


def _section(name: str, title: str, help: str, *paths: str) -> Section:
    return Section(name, title, help, tuple(field for path in paths for field in _at(path)))


def _of(name: str, *paths: str, switch: str = "") -> Section:
    """A section with the words of its key. `paths`: its fields, else all of the part's."""
    key = Config.model_fields[name]
    section = _section(name, key.title or "", plain(key.description or ""), *(paths or (name,)))
    return replace(section, optional=name, switch=switch) if switch else section


SECTIONS = (
    _section(
        "work",
        "Work",
        "Concurrency, and where work is merged.",
        *("max_workers", "setup", "caches", "env", "integration_branch", "limits.file_mb", "log_limit_bytes"),
    ),
    _of("agent"),
    replace(_of("agents"), fields=()),
    _section(
        "routes",
        "Routes",
        "Agents that work on an entry one after the other: a cheap one first, a better one where it fails.",
        *("route", "routes"),
    ),
    _of("verify", "protected"),
    _of("verifier", switch="Let an agent judge the criteria"),
    _of("interceptor", switch="Let an agent review each diff"),
    _of("planner", switch="Let an agent plan"),
    _of("expander", switch="Let an agent split entries"),
    _of("orchestrator", switch="Let an agent rearrange the backlog"),
    _of("prompts"),
    _of("approve"),
    _section("landing", "Landing", "Where verified work goes.", "land_by"),
    _of("forge", switch="Open pull requests on a forge"),
    _of("push", switch="Push what was merged"),
    _of("sandbox", "sandbox", "limits.memory_mb", "limits.processes", "limits.write_mb"),
    _section(
        "money",
        "Money",
        "Reservations of a session. Set the cap and the limits on the budget pages.",
        *("round_ceiling_usd", "min_round_usd", "hold_slice_usd", "unknown_after_h", "gateway", "auto_reallocate"),
        "max_steering_share",
    ),
    _of("plateau", "plateau", "doomed_rounds"),
)

CHECK = tuple(of_key(name, key) for name, key in Check.model_fields.items())
FIELDS = {item.path: item for section in SECTIONS for item in section.fields}
