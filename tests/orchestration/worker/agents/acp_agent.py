"""A tiny agent that speaks the Agent Client Protocol, for tests: each prompt plays one turn of a script.

`acp_agent.py SCRIPT.json [--once]`: the script is {"turns": [[step, ...], ...], ...}. Conversations are files in HOME. Steps:
["text", WORDS], ["think", WORDS], ["tool", TITLE, STATUS], ["ask", TITLE], ["write", PATH, TEXT], ["cost", TOTAL, CURRENCY?], ["tokens", {...}],
["meta", {...}], ["error", CODE, MESSAGE], ["hang"], ["die", EXIT_CODE], ["stop", REASON], ["stderr", WORDS].
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import acp
from acp import schema

HOME = Path(os.environ["HOME"])


class Agent:
    def __init__(self, script: dict[str, Any]) -> None:
        self.script = script
        self.cancelled = asyncio.Event()

    def on_connect(self, conn: Any) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **more: Any) -> schema.InitializeResponse:
        able = schema.AgentCapabilities(load_session=self.script.get("loads", True))
        info = schema.Implementation(name="Tiny", version="1.2.3")
        return schema.InitializeResponse(protocol_version=protocol_version, agent_capabilities=able, agent_info=info)

    async def authenticate(self, method_id: str, **more: Any) -> None:
        self.record("authenticate", method_id)
        if method_id != self.script.get("auth", method_id):
            raise acp.RequestError(-32602, f"no such method: {method_id}")
        self.script.pop("needs_login", None)

    async def new_session(self, cwd: str, **more: Any) -> schema.NewSessionResponse:
        if self.script.get("needs_login"):
            raise acp.RequestError.auth_required()
        number = len(list(HOME.glob("ses_*")))
        (HOME / f"ses_{number}").write_text("0")
        self.record("new", cwd)
        return schema.NewSessionResponse(session_id=f"ses_{number}", config_options=self.options())

    async def load_session(self, cwd: str, session_id: str, **more: Any) -> schema.LoadSessionResponse:
        if not (HOME / session_id).exists():
            raise acp.RequestError(-32602, "no such session")
        self.record("load", session_id)
        await self.update(session_id, acp.update_agent_message_text("what I said before"))
        return schema.LoadSessionResponse(config_options=self.options())

    def options(self) -> list[schema.SessionConfigOptionSelect] | None:
        if not (models := self.script.get("models")):
            return None
        offered = [schema.SessionConfigSelectOption(value=name, name=name) for name in models]
        return [
            schema.SessionConfigOptionSelect(
                id="model", name="Model", category="model", type="select", current_value=models[0], options=offered
            )
        ]

    async def set_config_option(self, config_id: str, session_id: str, value: Any, **more: Any) -> Any:
        self.record("option", config_id, value)
        return schema.SetSessionConfigOptionResponse(config_options=self.options() or [])

    async def set_session_mode(self, session_id: str, mode_id: str, **more: Any) -> None:
        self.record("mode", mode_id)

    async def cancel(self, session_id: str, **more: Any) -> None:
        self.record("cancel")
        if not self.script.get("ignores_cancel"):
            self.cancelled.set()

    async def prompt(self, session_id: str, prompt: list[Any], **more: Any) -> schema.PromptResponse:
        number = int((HOME / session_id).read_text())
        (HOME / session_id).write_text(str(number + 1))
        self.record("prompt", prompt[0].text)
        usage, meta, reason = None, None, "end_turn"
        turns = self.script["turns"]
        for step in turns[min(number, len(turns) - 1)]:
            match step:
                case ["tokens", tokens]:
                    usage = schema.Usage(**tokens)
                case ["meta", value]:
                    meta = value
                case ["stop", reason]:
                    pass
                case ["hang"]:
                    await self.cancelled.wait()  # and some agents say that they ended the turn
                case _ if not self.cancelled.is_set():
                    await self.play(session_id, *step)
        return schema.PromptResponse(stop_reason=reason, usage=usage, field_meta=meta)

    async def play(self, session_id: str, kind: str, *values: Any) -> None:
        match kind:
            case "text":
                await self.update(session_id, acp.update_agent_message_text(values[0]))
            case "think":
                await self.update(session_id, acp.update_agent_thought_text(values[0]))
            case "tool":
                call = {"tool_call_id": values[0], "title": values[0], "status": values[1], "kind": "edit"}
                call |= {"raw_input": {"path": "ok"}, "content": [acp.tool_content(acp.text_block("written"))]}
                await self.update(session_id, schema.ToolCallStart(session_update="tool_call", **call))
            case "ask":
                options = [("once", "allow_once"), ("no", "reject_once")]
                answer = await self.client.request_permission(
                    session_id=session_id,
                    tool_call=schema.ToolCallUpdate(tool_call_id=values[0], title=values[0]),
                    options=[schema.PermissionOption(option_id=id_, name=id_, kind=kind) for id_, kind in options],
                )
                self.record("answer", answer.outcome.option_id)
            case "write":
                Path(values[0]).write_text(values[1])
            case "cost":
                cost = schema.Cost(amount=values[0], currency=values[1] if len(values) > 1 else "USD")
                await self.update(session_id, schema.UsageUpdate(session_update="usage_update", used=1, size=9, cost=cost))
            case "error":
                raise acp.RequestError(*values)
            case "die":
                os._exit(values[0])
            case "stderr":
                print(values[0], file=sys.stderr, flush=True)

    async def update(self, session_id: str, update: Any) -> None:
        await self.client.session_update(session_id=session_id, update=update)

    @staticmethod
    def record(*what: Any) -> None:
        """Keep a request of the client for the test."""
        with (HOME / "asked.jsonl").open("a") as file:
            file.write(json.dumps(what) + "\n")


if __name__ == "__main__":
    asyncio.run(acp.run_agent(Agent(json.loads(Path(sys.argv[1]).read_text()))))
