"""The API for people: the OpenAPI document as a page."""

import json
from collections import defaultdict
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

VERBS = ("get", "post", "put", "patch", "delete")
STATUSES = {
    "200": "done",
    "201": "created",
    "400": "bad input; nothing was changed",
    "401": "no token, or an invalid one",
    "403": "the role does not allow it",
    "404": "not found, or not visible to you",
}
STREAM: dict[str, Any] = {
    "id": "orchestration.events",
    "verb": "get",
    "path": "/api/v1/workspaces/{workspaceID}/orchestration/events",
    "summary": "Change notifications as Server-Sent Events: `executor`, `workers`, `entries`, `locks`, `budget`, and `hb` every 10 s. `?topics=` selects some.",
    "parameters": [{"name": "workspaceID", "place": "path", "type": "string", "required": True}],
    "fields": [],
    "statuses": [(code, STATUSES[code]) for code in ("200", "401", "404")],
}


def page(request: HttpRequest) -> HttpResponse:
    """Operations by tag, each with an example to copy, rendered from the OpenAPI document."""
    from config.http.api import api  # half a second of CPU, which only this page needs

    document = api.get_openapi_schema(path_prefix="/api/v1/")
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for verb in VERBS:
            if verb in operations:
                operation = operations[verb]
                groups[operation.get("tags", ["other"])[0]].append(_operation(document, path, verb, operation))
    groups["events"].append(STREAM | {"curl": _curl("get", STREAM["path"], None)})
    return render(
        request, "shared/api_docs.html", {"groups": dict(groups), "description": document["info"].get("description", "")}
    )


def _operation(document: dict[str, Any], path: str, verb: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return {
        "id": operation["operationId"],
        "verb": verb,
        "path": path,
        "summary": operation.get("description") or operation.get("summary", ""),
        "parameters": [
            {"name": p["name"], "place": p["in"], "type": _type(document, p["schema"]), "required": p.get("required", False)}
            for p in operation.get("parameters", [])
        ],
        "fields": _fields(document, body) if body else [],
        "statuses": [(str(code), STATUSES.get(str(code), "")) for code in operation["responses"]],
        "curl": _curl(verb, path, _example(document, body) if body else None),
    }


def _fields(document: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> list[dict[str, Any]]:
    """The properties of a body; nested ones follow their parent."""
    schema = _resolve(document, schema)
    fields = []
    for name, part in schema.get("properties", {}).items():
        place = f"{prefix}{name}"
        required = name in schema.get("required", [])
        fields.append({"name": place, "type": _type(document, part), "required": required, "default": part.get("default")})
        inner = _resolve(document, part)
        if inner.get("type") == "array":
            fields += _fields(document, inner.get("items", {}), f"{place}[].")
        else:
            fields += _fields(document, inner, f"{place}.")
    return fields


def _type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in words, with `null` where allowed."""
    schema = schema | {} if "$ref" not in schema else _resolve(document, schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(document, part) for part in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type(document, schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference or an optional."""
    if "$ref" in schema:
        return _resolve(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    options = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    return _resolve(document, options[0]) if len(options) == 1 else schema


def _example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A small body: the required properties with plausible values."""
    schema = _resolve(document, schema)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        required = schema.get("required") or list(schema.get("properties", {}))[:1]
        return {name: _example(document, schema["properties"][name]) for name in required if name in schema.get("properties", {})}
    if kind == "array":
        return [_example(document, schema.get("items", {}))]
    return {"integer": max(1, schema.get("minimum", 1)), "number": 5, "boolean": True}.get(kind or "", "…")


def _curl(verb: str, path: str, body: Any) -> str:
    for name in ("workspaceID", "entryID", "sessionID"):
        path = path.replace(f"{{{name}}}", f"${name.removesuffix('ID').upper()}")
    lines = [
        f'curl{"" if verb == "get" else f" -X {verb.upper()}"} "{settings.BASE_URL}{path}"',
        '  -H "Authorization: Bearer $TOKEN"',
    ]
    if body is not None:
        lines += ['  -H "Content-Type: application/json"', f"  -d '{json.dumps(body, ensure_ascii=False)}'"]
    return " \\\n".join(lines)
