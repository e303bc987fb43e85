"""The four tools of an agent's token: ask, report, propose, and read its entry. It can start, approve or raise nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from config.mcp.calls import Call
from config.mcp.tools import KEY, PREFIX, TEXT, Schema
from orchestration import schemas
from orchestration.edge import agent_requests
from workspaces.access import Caller


@dataclass(frozen=True)
class AgentTool:
    """A tool of an agent's token."""

    name: str
    description: str
    takes: Mapping[str, Schema]
    output: Mapping[str, Any]
    run: Callable[[Caller, Mapping[str, Any]], dict[str, Any]] | None = None  # None: the API call of `report`
    reads: bool = False

    def input_schema(self) -> dict[str, Any]:
        required = [name for name in self.takes if name != "spec"]
        return {"type": "object", "properties": dict(self.takes), "required": required, "additionalProperties": False}

    def output_schema(self) -> dict[str, Any]:
        return dict(self.output)


def report(caller: Caller, given: Mapping[str, Any]) -> Call:
    """The call of `report_progress`."""
    workspace = caller.token.workspace_id if caller.token else ""
    path = f"{PREFIX}/{workspace}/orchestration/executor/sessions/{caller.session_ref}/progress"
    return Call("POST", path, {}, {"text": given["text"]})


def _ask(caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    return agent_requests.ask(caller, given["text"], given["key"])


def _propose(caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    item = schemas.EntryIn.model_validate({"content": given["content"], "spec": given.get("spec")})
    return agent_requests.propose(caller, item, given["key"])


def _read(caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    return schemas.EntryOut.model_validate(agent_requests.read_entry(caller)).model_dump(mode="json", by_alias=True)


def _object(**properties: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": [*properties],
    }


AGENT_TOOLS = [
    AgentTool(
        "ask",
        "Ask people a question, then end your turn: the answer is your next prompt.",
        {"text": TEXT, "key": KEY},
        _object(noted="string"),
        _ask,
    ),
    AgentTool("report_progress", "One line on what you are doing.", {"text": {**TEXT, "maxLength": 500}}, _object(ok="boolean")),
    AgentTool(
        "propose_entry",
        "Propose work beyond your entry. It stays on hold, without money, until a person takes it.",
        {
            "content": TEXT,
            "spec": {"type": "object", "description": "As in an entry: requirements, files_to_modify, ..."},
            "key": KEY,
        },
        _object(entry_id="string"),
        _propose,
    ),
    AgentTool(
        "read_entry",
        "Your entry, as people see it.",
        {},
        dict(schemas.EntryOut.model_json_schema(mode="serialization")),
        _read,
        reads=True,
    ),
]
BY_NAME = {tool.name: tool for tool in AGENT_TOOLS}
