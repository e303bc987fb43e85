"""A client of the Agent Client Protocol: starts the agent, gives it one prompt, and prints what it does, one JSON object a line.

It runs in the agent's sandbox, which shows this file and the installed libraries alone: it imports nothing of Muster. Its argument is a JSON object
(`launch.py` writes it). TERM or INT cancels the turn, so that the agent still reports what the turn cost.
"""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, cast

import acp
from acp import schema

MAX_MESSAGE_BYTES = 50 * 2**20
MAX_TEXT = 1_000_000
MAX_TOOL_TEXT = 20_000
CANCEL_S = 2.0  # for the answer to a cancelled turn; the kill sequence waits as long
LEAVE_S = 0.5  # for the end of the agent's process once its stdin is closed
ALIVE_S = 10.0
CANCELLED = 143


def emit(kind: str, /, **fields: Any) -> None:
    print(json.dumps({"type": kind, **fields}), flush=True)


class Failed(Exception):
    """A refused or failed step of the agent: a method, or a description."""

    def __init__(self, step: str, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.step, self.code = step, code


class Listener:
    """Hears and answers the agent. Updates before the prompt are the conversation so far: nothing of them is printed but its cost."""

    def __init__(self, permissions: str) -> None:
        self._kinds = ("allow_once", "allow_always") if permissions == "allow" else ("reject_once", "reject_always")
        self._text: list[str] = []
        self._shown: set[tuple[str, str]] = set()
        self._inputs: dict[str, tuple[str, Any]] = {}
        self._alive_at = time.monotonic()
        self.is_prompted = False

    async def request_permission(
        self, session_id: str, tool_call: schema.ToolCallUpdate, options: list[schema.PermissionOption], **more: Any
    ) -> schema.RequestPermissionResponse:
        chosen = next((option for kind in self._kinds for option in options if option.kind == kind), None)
        emit("permission", title=(tool_call.title or "")[:300], kind=chosen.kind if chosen else "cancelled")
        if chosen is None:
            return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        outcome = schema.AllowedOutcome(outcome="selected", option_id=chosen.option_id)
        return schema.RequestPermissionResponse(outcome=outcome)

    async def session_update(self, session_id: str, update: Any, **more: Any) -> None:
        if isinstance(update, schema.UsageUpdate):
            if update.cost is not None:
                emit("cost", total=update.cost.amount, currency=update.cost.currency)
        elif not self.is_prompted:
            return
        elif isinstance(update, schema.AgentMessageChunk):
            self._text.append(getattr(update.content, "text", ""))
        elif isinstance(update, schema.ToolCallStart | schema.ToolCallProgress):
            self.flush()
            self._tool(update)
        elif isinstance(update, schema.AgentThoughtChunk):
            self._think()

    def _tool(self, update: schema.ToolCallStart | schema.ToolCallProgress) -> None:
        """Each state once: the agent may repeat it with every line of a tool's output. The end has the tool's input and output."""
        id_, status = update.tool_call_id, update.status or "pending"
        kind, given = self._inputs.get(id_, ("", None))
        self._inputs[id_] = kind, given = update.kind or kind, update.raw_input or given
        if status == "pending" or (id_, status) in self._shown:
            return
        self._shown.add((id_, status))
        fields: dict[str, Any] = {"id": id_[:100], "title": (update.title or "")[:300], "kind": kind, "status": status}
        if status in ("completed", "failed"):
            blocks = [getattr(getattr(each, "content", None), "text", "") or "" for each in update.content or []]
            arguments = given if len(json.dumps(given, default=str)) < MAX_TOOL_TEXT else str(given)[:MAX_TOOL_TEXT]
            fields |= {"arguments": arguments or fields["title"], "answer": "\n".join(blocks)[-MAX_TOOL_TEXT:]}
        emit("tool", **fields)

    def _think(self) -> None:
        """A sign of life while the agent thinks, which is long and of no use to a person."""
        if time.monotonic() > self._alive_at + ALIVE_S:
            self._alive_at = time.monotonic()
            emit("alive")

    def flush(self) -> str:
        """Print the text since the last tool call; returns it."""
        text = "".join(self._text).strip()[:MAX_TEXT]
        self._text.clear()
        if text:
            emit("text", text=text)
        return text


async def run(options: dict[str, Any], stop: asyncio.Event) -> int:
    """Runs one turn. Returns the exit code."""
    if options.get("lost"):
        emit("error", step="session/load", code=0, message="the last turn of the conversation was cut off")
        return 1
    listener, code = Listener(options["permissions"]), None
    program, *arguments = options["command"]
    transport = {"limit": MAX_MESSAGE_BYTES, "stderr": None, "shutdown_timeout": LEAVE_S}
    try:
        async with acp.spawn_agent_process(
            cast(acp.Client, listener), program, *arguments, env=dict(os.environ), cwd=options["cwd"], transport_kwargs=transport
        ) as (agent, process):
            code = await _turn(agent, process, listener, options, stop)
    except OSError as problem:  # no such program; later, pipes that break as the agent ends
        if code is None:
            emit("error", step="start", code=0, message=str(problem)[:2000])
    return 1 if code is None else code


async def _turn(agent: Any, process: Any, listener: Listener, options: dict[str, Any], stop: asyncio.Event) -> int:
    try:
        session_id = await _until(stop, _opened(agent, options))
        if session_id is None:
            return CANCELLED
        if "prompt_file" not in options:
            return 0
        return await _prompted(agent, listener, session_id, options["prompt_file"], stop)
    except Failed as failed:
        emit("error", step=failed.step, code=failed.code, message=str(failed)[:2000])
    except ConnectionError:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), LEAVE_S)
        emit("error", step="ended", code=0, message=f"the agent ended with exit code {process.returncode}")
    return CANCELLED if stop.is_set() else 1


async def _until(stop: asyncio.Event, work: Any) -> Any:
    """The result of the work; None: a stop came first."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return await task
    task.cancel()
    return None


async def _opened(agent: Any, options: dict[str, Any]) -> str:
    """Begin a conversation, or go on with one, as the options say. Returns its id."""
    info = schema.Implementation(name="muster", version=options.get("version", "0"))
    with _step("initialize"):
        known = await agent.initialize(protocol_version=acp.PROTOCOL_VERSION, client_info=info)
    if "prompt_file" not in options:  # a trial run, without a network
        return ""
    if method := options.get("auth_method"):
        with _step("authenticate"):
            await agent.authenticate(method_id=method)
    able = known.agent_capabilities or schema.AgentCapabilities()
    resumes = bool(able.session_capabilities and able.session_capabilities.resume)
    can_go_on = resumes or bool(able.load_session)
    session_id, state = options.get("session"), None
    if session_id and can_go_on:
        with _step("session/load"):
            again = agent.resume_session if resumes else agent.load_session
            state = await again(session_id=session_id, cwd=options["cwd"], mcp_servers=[])
    else:
        with _step("session/new"):
            state = await agent.new_session(cwd=options["cwd"], mcp_servers=[])
        session_id = state.session_id
    chosen = await _chosen(agent, session_id, state, options)
    emit(
        "started",
        process=secrets.token_hex(8),
        session=session_id,
        can_go_on=can_go_on,
        model=chosen,
        agent=f"{known.agent_info.name} {known.agent_info.version}"[:100] if known.agent_info else "",
    )
    return str(session_id)


async def _chosen(agent: Any, session_id: str, state: Any, options: dict[str, Any]) -> str:
    """Choose the mode, the model and the other options. Returns the model, as far as the agent names it."""
    if mode := options.get("mode"):
        with _step("mode"):
            await agent.set_session_mode(session_id=session_id, mode_id=mode)
    for name, value in options.get("options", {}).items():
        with _step("option"):
            await agent.set_config_option(session_id=session_id, config_id=name, value=value)
    offered = next((each for each in state.config_options or [] if getattr(each, "category", None) == "model"), None)
    model = options.get("model") or ""
    if offered is None:  # its command chooses: the agents whose models are not in its options have an option for that
        return model
    if model and model != offered.current_value:
        values = [each.value for group in offered.options for each in getattr(group, "options", [group])]
        if model not in values:
            raise Failed("model", f"{model} is not among the models that the agent offers: {', '.join(values)}")
        with _step("model"):
            await agent.set_config_option(session_id=session_id, config_id=offered.id, value=model)
    return model or str(offered.current_value)


async def _prompted(agent: Any, listener: Listener, session_id: str, prompt_file: str, stop: asyncio.Event) -> int:
    with open(prompt_file, encoding="utf-8", errors="replace") as file:
        prompt = file.read()
    listener.is_prompted = True
    emit("prompted")
    turn = asyncio.ensure_future(agent.prompt(session_id=session_id, prompt=[acp.text_block(prompt)]))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({turn, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    is_cancelled = not turn.done()
    try:
        if is_cancelled:
            await agent.cancel(session_id=session_id)
            await asyncio.wait({turn}, timeout=CANCEL_S)
        if not turn.done():
            turn.cancel()
            raise Failed("session/cancel", "the agent did not end its turn")
        with _step("session/prompt"):
            ended = await turn
    finally:
        text = listener.flush()
    emit(
        "result",
        ok=ended.stop_reason == "end_turn" and not is_cancelled,
        summary=text,
        stop_reason="cancelled" if is_cancelled else ended.stop_reason,  # some say end_turn
        usage=ended.usage.model_dump(exclude_none=True, exclude={"field_meta"}) if ended.usage else None,
        meta=ended.field_meta,
    )
    return CANCELLED if stop.is_set() else 0


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except acp.RequestError as refused:
        details = json.dumps(refused.data)[:1500] if refused.data else ""
        raise Failed(name, f"{refused} {details}".strip(), refused.code) from None
    except ValueError as problem:  # an answer that is not of the protocol
        raise Failed(name, f"its answer is not that of the protocol: {problem}"[:2000]) from None


async def main(options: dict[str, Any]) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await run(options, stop)


class _OneLine(logging.Formatter):
    """A line for each update that the library does not know, instead of a traceback."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  (logging's name)
        return " ".join(str(ei[1]).split())[:300]


if __name__ == "__main__":
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("client: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.ERROR)
    sys.exit(asyncio.run(main(json.loads(sys.argv[1]))))
