"""The JSON document of each command, by the schemas of the API: what `muster schema` prints."""

import json
from importlib import resources
from typing import Any

Shape = str | list["Shape"] | dict[str, "Shape"]
"""The name of a schema of the API or of a type of JSON; a list of such; an object with exactly these names."""

TYPES = ("string", "boolean", "integer", "number", "null")
PROPOSALS: Shape = {"proposals": ["RunProposalOut"]}
TRIGGER: Shape = {"trigger": "TriggerOut", "firings": ["FiringOut"]}
STATUS: Shape = {
    "workspace": "string",
    "executor": "ExecutorStatus",
    "workers": ["AtWorkOut"],
    "approvals": ["WaitingOut"],
    "approvals_total": "integer",
    "questions": ["UnansweredOut"],
    "questions_total": "integer",
    "landing": "LandingOut",
    "budget": "GlobalOut",
}

DOCUMENTS: dict[str, tuple[Shape, ...]] = {
    "add": ("EntriesOut",),
    "answer": ({"questions": ["UnansweredOut"]}, "QuestionOut"),
    "approve": ({"approvals": ["WaitingOut"]}, "ApprovalOut"),
    "ask": ({"messages": ["MessageOut"]}, "MessageOut"),
    "budget": ("StatusOut", "GlobalOut", "EntryBudgetOut"),
    "diff": ({"rounds": ["RoundOut"]},),
    "edit": ("EntryOut",),
    "entries": ({"entries": ["EntryOut"]}, "EntryOut"),
    "login": ({"profile": "string", "url": "string", "workspaces": ["WorkspaceOut"]},),
    "logout": ({"profile": "string", "url": "string", "revoked": "boolean"},),
    "logs": ({"seq": "integer", "at": "integer", "stream": "string", "text": "string"},),
    "open": ({"url": "string"},),
    "pause": ("Paused", "EntryOut"),
    "plan": ("RunAppliedOut", {"run": "RunOut", "proposals": ["RunProposalOut"]}),
    "profiles": ({"profiles": [{"name": "string", "url": "string", "workspace": "string", "expires": "string"}]},),
    "remove": ("Deleted",),
    "runs": ({"runs": ["RunOut"]}, PROPOSALS, "RunAppliedOut"),
    "send-back": ("SentBackOut",),
    "start": ("Started", "Resumed", "EntryOut"),
    "status": (STATUS,),
    "stop": ("StoppedAll", "Killed"),
    "triggers": ({"triggers": ["TriggerOut"]}, TRIGGER, "FiringOut"),
    "use": ({"workspace": "WorkspaceOut", "reason": "string"},),
    "whoami": ("MeOut", {"profile": "string", "url": "string", "workspaces": ["WorkspaceOut"]}),
    "why": ("ExplainedEntry",),
    "workspaces": ("WorkspacesOut",),
}
"""Several: it depends on the arguments of the command. `logs` prints one for each line. `api` prints what its call answers."""


def schema(command: str) -> dict[str, Any]:
    """The JSON Schema of the command's document, with all that it refers to."""
    known: dict[str, Any] = json.loads((resources.files("muster_client") / "schemas.json").read_text())
    shapes = [_schema(shape) for shape in DOCUMENTS[command]]
    document = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    used: dict[str, Any] = {}
    _collect(document, known, used)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document, "$defs": used}


def fields(command: str) -> set[str]:
    """The names that the command's document, or a row of it, may have."""
    described = schema(command)
    documents = [_resolved(each, described) for each in described.get("anyOf", [described])]
    properties = [each for document in documents for each in document.get("properties", {}).values()]
    rows = [_resolved(each["items"], described) for each in properties if "items" in each]
    return {name for each in [*documents, *rows] for name in each.get("properties", {})}


def _resolved(value: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    return described["$defs"][value["$ref"].rpartition("/")[2]] if "$ref" in value else value


def _schema(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, list):
        return {"type": "array", "items": _schema(shape[0])}
    if isinstance(shape, dict):
        properties = {name: _schema(each) for name, each in shape.items()}
        return {"type": "object", "properties": properties, "required": list(shape), "additionalProperties": False}
    return {"type": shape} if shape in TYPES else {"$ref": f"#/$defs/{shape}"}


def _collect(value: Any, known: dict[str, Any], used: dict[str, Any]) -> None:
    if isinstance(value, dict) and isinstance(reference := value.get("$ref"), str):
        name = reference.rpartition("/")[2]
        if name not in used:
            used[name] = known[name]
            _collect(known[name], known, used)
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _collect(child, known, used)
