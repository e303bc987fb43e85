#!/usr/bin/env python3
"""Scripted stub LLM server. Standard library only; binds loopback only.

Speaks (streaming and not): Anthropic Messages, OpenAI Responses, OpenAI Chat
Completions, Gemini generateContent. What it answers comes from a JSON file of
scenarios; see README.md. It never forwards anything anywhere.
"""

import argparse
import gzip
import json
import re
import select
import sys
import threading
import time
import uuid
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK = threading.Lock()
LOG = []  # every model request answered
SINK = []  # every hook / OTLP / unknown POST body
ERR_LEFT = {}  # (scenario, round, turn) -> errors still to give
STATE = {"script": {}, "logfile": None, "t0": time.time()}

DEFAULT_USAGE = {"input": 1000, "output": 50, "cache_read": 0, "cache_write": 0}
SIDE_USAGE = {"input": 200, "output": 10, "cache_read": 0, "cache_write": 0}

WRITE_TOOLS = ["Write", "write", "write_file", "write_to_file", "create_file"]
SHELL_TOOLS = [
    "Bash",
    "bash",
    "run_shell_command",
    "exec_command",
    "shell_command",
    "local_shell",
    "shell",
    "execute_command",
    "run_commands",
    "execute",
    "terminal",
]
READ_TOOLS = ["Read", "read", "read_file"]


class Gone(Exception):
    """The client closed its connection."""


class Cut(Exception):
    """The script breaks the answer off in its middle."""


# ---------------------------------------------------------------- requests
def text_of(content):
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    out = []
    for part in content:
        if isinstance(part, str):
            out.append(part)
        elif isinstance(part, dict):
            t = part.get("text")
            if isinstance(t, str):
                out.append(t)
    return "\n".join(out)


def steps_anthropic(body):
    """[(kind, text)] with kind in prompt / assistant / result."""
    out = []
    for m in body.get("messages", []):
        c = m.get("content")
        if m.get("role") == "system":  # Claude Code tells newer models, and those it does not know, of their budget like this
            continue
        if m.get("role") == "assistant":
            out.append(("assistant", text_of(c)))
        else:
            has_result = isinstance(c, list) and any(isinstance(p, dict) and p.get("type") == "tool_result" for p in c)
            t = text_of(c)
            bare = re.sub(
                r"<system-reminder>.*?</system-reminder>|\[Request interrupted by user[^]]*\]", "", t, flags=re.S
            ).strip()
            if has_result:
                out.append(("result", t))
            if bare:  # also behind a result: Claude Code joins a prompt to the result that ended the turn before
                out.append(("prompt", bare))
    return out


def steps_chat(body):
    out = []
    for m in body.get("messages", []):
        r = m.get("role")
        if r == "assistant":
            out.append(("assistant", text_of(m.get("content"))))
        elif r in ("tool", "function"):
            out.append(("result", text_of(m.get("content"))))
        elif r == "user":
            out.append(("prompt", text_of(m.get("content"))))
    return out


def steps_responses(body):
    inp = body.get("input", [])
    if isinstance(inp, str):
        return [("prompt", inp)]
    out = []
    for it in inp:
        t = it.get("type", "message")
        if t == "message":
            r = it.get("role")
            if r == "assistant":
                out.append(("assistant", text_of(it.get("content"))))
            elif r == "user":
                out.append(("prompt", text_of(it.get("content"))))
        elif t.endswith("_call_output"):
            out.append(("result", text_of(it.get("output")) if not isinstance(it.get("output"), dict) else ""))
        elif t.endswith("_call"):
            out.append(("assistant", ""))
    return out


def steps_gemini(body):
    out = []
    for m in body.get("contents", []):
        parts = m.get("parts", [])
        if m.get("role") == "model":
            out.append(("assistant", text_of(parts)))
        elif any("functionResponse" in p for p in parts):
            out.append(("result", text_of(parts)))
        else:
            out.append(("prompt", text_of(parts)))
    return out


def position(steps, how):
    """(round, turn, whole text): round = prompt groups so far - 1, turn = model
    answers since the last prompt."""
    rounds, turn, prev = 0, 0, None
    # Gemini-family clients open with a context message and a canned "Got it" answer: not a round.
    if len(steps) > 1 and steps[1][0] == "assistant" and steps[1][1].startswith("Got it. Thanks for the context"):
        steps = steps[2:]
    last = next((t for k, t in reversed(steps) if k == "prompt"), "")
    mark = re.findall(r"\[\[round:(\d+)\]\]", last)
    for kind, _ in steps:
        if kind == "prompt":
            if prev != "prompt":
                rounds += 1
            turn = 0
        elif kind == "assistant" and prev != "assistant":
            turn += 1
        prev = kind
    if how == "assistant_total":
        turn = 0
        prev = None
        for kind, _ in steps:
            if kind == "assistant" and prev != "assistant":
                turn += 1
            prev = kind
        rounds = 1
    return (int(mark[-1]) - 1 if mark else max(rounds - 1, 0)), turn


def tools_of(api, body):
    """name -> (kind, schema properties)"""
    out = {}
    if api == "gemini":
        for t in body.get("tools", []) or []:
            for f in t.get("functionDeclarations", []) or []:
                s = f.get("parametersJsonSchema") or f.get("parameters") or {}
                out[f["name"]] = ("function", s.get("properties", {}))
        return out
    for t in body.get("tools", []) or []:
        if api == "chat":
            f = t.get("function", {})
            out[f.get("name")] = ("function", (f.get("parameters") or {}).get("properties", {}))
        elif api == "responses":
            if t.get("type") == "namespace":
                for s in t.get("tools", []):
                    out[s.get("name")] = ("ns:" + t.get("name", ""), (s.get("parameters") or {}).get("properties", {}))
                continue
            name = t.get("name") or t.get("type")
            out[name] = (t.get("type", "function"), (t.get("parameters") or {}).get("properties", {}))
        else:
            out[t.get("name")] = ("function", (t.get("input_schema") or {}).get("properties", {}))
    return out


def pick_scenario(path, steps, body, key):
    sc = STATE["script"].get("scenarios", {})
    m = re.match(r"/s/([A-Za-z0-9_.-]+)(/.*)$", path)
    if m:
        return m.group(1), sc.get(m.group(1), {}), m.group(2)
    blob = "\n".join(t for k, t in steps if k == "prompt")
    for hit in reversed(re.findall(r"\[\[scenario:([A-Za-z0-9_.-]+)\]\]", blob)):
        if hit in sc:
            return hit, sc[hit], path
    if key.startswith("stub-") and key[5:] in sc:
        return key[5:], sc[key[5:]], path
    name = STATE["script"].get("default", "default")
    return name, sc.get(name, {}), path


# ---------------------------------------------------------------- tool calls
def sh_quote(s):
    return "'" + s.replace("'", "'\\''") + "'"


CWD = [
    r"<cwd>([^<]+)</cwd>",
    r"[Ww]orking [Dd]irectory(?: is| path)?:?[*\s]*`?(/[^\s`'\"\\<,]+)",
    r"\"cwd\":\s*\"([^\"]+)\"",
    r"in the directory:?\s*`?(/[^\s`'\"\\<,]+)",
]


def cwd_of(raw):
    """The client's working directory, as its prompt states it (some tools take only absolute paths)."""
    for rx in CWD:
        m = re.search(rx, raw)
        if m:
            return m.group(1).rstrip(".")
    return None


def absolute(path, cwd):
    return path if path.startswith("/") or not cwd else cwd.rstrip("/") + "/" + path


def call_for(act, tools, api, cwd=None):
    """One scripted action -> (tool name, kind, arguments) of a tool the client offered."""
    if "name" in act:  # a raw call, named exactly
        kind = tools.get(act["name"], ("function", {}))[0]
        return act["name"], kind, act.get("input", {})
    kind_, via = act.get("kind", "write"), act.get("via")

    def shell(cmd):
        for n in SHELL_TOOLS:
            if n in tools:
                kind, props = tools[n]
                args = {}
                key = next((k for k in ("command", "cmd", "commands") if k in props), "command")
                if (props.get(key) or {}).get("type") == "array":
                    args[key] = [cmd] if key == "commands" else ["bash", "-lc", cmd]
                else:
                    args[key] = cmd
                if "description" in props:
                    args["description"] = "stub command"
                if "is_background" in props:
                    args["is_background"] = False
                if "requires_approval" in props:
                    args["requires_approval"] = False
                return n, kind, args
        return None

    if kind_ == "bash":
        return shell(act["command"])
    if kind_ == "read":
        for n in READ_TOOLS:
            if n in tools:
                kind, props = tools[n]
                k = next((k for k in ("file_path", "filePath", "absolute_path", "path") if k in props), "file_path")
                return n, kind, {k: absolute(act["path"], cwd)}
        return shell("cat " + sh_quote(act["path"]))
    if kind_ == "write":
        if via != "bash":
            for n in WRITE_TOOLS:
                if n in tools:
                    kind, props = tools[n]
                    k = next((k for k in ("file_path", "filePath", "absolute_path", "path") if k in props), "file_path")
                    c = next((k for k in ("content", "contents", "file_text", "text") if k in props), "content")
                    return n, kind, {k: absolute(act["path"], cwd), c: act["content"]}
        return shell(
            "mkdir -p $(dirname {}) && printf %s {} > {}".format(
                sh_quote(act["path"]), sh_quote(act["content"]), sh_quote(act["path"])
            )
        )
    raise ValueError(f"unknown action kind {kind_!r}")


def text_edit(act, sysblob):
    """For clients without tools (aider): a file edit as text."""
    if "SEARCH" in sysblob and "REPLACE" in sysblob:
        return "{}\n```\n<<<<<<< SEARCH\n{}=======\n{}>>>>>>> REPLACE\n```\n".format(
            act["path"],
            act.get("search", ""),
            act["content"],
        )
    return "{}\n```\n{}```\n".format(act["path"], act["content"])


def plan(api, body, path, key):
    steps = {"anthropic": steps_anthropic, "chat": steps_chat, "responses": steps_responses, "gemini": steps_gemini}[api](body)
    name, scen, _ = pick_scenario(path, steps, body, key)
    rnd, turn = position(steps, scen.get("turn_by", "since_prompt"))
    tools = tools_of(api, body)
    sysblob = json.dumps(body.get("system") or body.get("instructions") or body.get("systemInstruction") or "")
    sysblob += " ".join(text_of(m.get("content")) for m in body.get("messages", []) if m.get("role") == "system")
    usable = any(n in tools for n in WRITE_TOOLS + SHELL_TOOLS)
    textual = (not tools) and "SEARCH/REPLACE" in sysblob
    side = not usable and not textual
    p = {
        "scenario": name,
        "round": rnd,
        "turn": turn,
        "tools": sorted(tools),
        "side": side,
        "usage": dict(SIDE_USAGE if side else DEFAULT_USAGE),
        "text": "",
        "calls": [],
        "latency_ms": 0,
        "chunk_delay_ms": 0,
        "hang": None,
        "error": None,
    }
    if side:
        s = scen.get("side_call", STATE["script"].get("side_call", {}))
        p["usage"].update(s.get("usage", {}))
        p["text"] = s.get("text", "stub")
        fmt = json.dumps(body.get("output_config") or body.get("output_format") or body.get("response_format") or "")
        if "title" in fmt:
            p["text"] = json.dumps({"title": "stub title"})
        return p
    turns = scen.get("turns", [])
    if scen.get("rounds"):
        turns = scen["rounds"][min(rnd, len(scen["rounds"]) - 1)]
    newest = next((t for k, t in reversed(steps) if k == "prompt"), "")
    branch = next((words for words in scen.get("by_prompt", {}) if words in newest), "")
    if branch:
        turns = scen["by_prompt"][branch]
    t = {}
    if turns:
        if turn < len(turns):
            t = turns[turn]
        elif scen.get("loop"):
            t = turns[turn % len(turns)]
        else:
            t = {"text": scen.get("final_text", "Done.")}
    else:
        t = {"text": scen.get("final_text", "Done.")}
    p["usage"].update(scen.get("usage", {}))
    p["usage"].update(t.get("usage", {}))
    for k in ("latency_ms", "chunk_delay_ms", "hang", "error"):
        p[k] = t.get(k, scen.get(k, p[k]))
    p["text"] = t.get("text", "")
    p["thinking"] = t.get("thinking", "")
    p["headers"] = list(scen.get("headers", {}).items())
    p["max_hang_s"] = t.get("max_hang_s", scen.get("max_hang_s", 600))
    cwd = cwd_of(json.dumps(body))
    for act in t.get("tools", [t["tool"]] if "tool" in t else []):
        if textual:
            if act.get("kind") == "write":
                p["text"] += "\n" + text_edit(act, sysblob)
            continue
        c = call_for(act, tools, api, cwd)
        if c:
            p["calls"].append(c)
        else:
            p["text"] += "\n[stub: client offers no tool for {}]".format(act.get("kind"))
    if not p["text"] and not p["calls"]:
        p["text"] = "Done."
    err = p["error"]
    if err:
        k = (name, branch, rnd, turn)
        with LOCK:
            left = ERR_LEFT.setdefault(k, err.get("times", 10**9))
            if left > 0:
                ERR_LEFT[k] = left - 1
            else:
                p["error"] = None
    return p


def rid(pfx):
    return pfx + uuid.uuid4().hex[:24]


def chunks(s, n=24):
    return [s[i : i + n] for i in range(0, len(s), n)] or [""]


# ---------------------------------------------------------------- wire formats
def anthropic_events(p, model):
    u = p["usage"]
    hour = u.get("cache_write_1h", 0)
    usage = {
        "input_tokens": u["input"],
        "cache_creation_input_tokens": u["cache_write"] + hour,
        "cache_read_input_tokens": u["cache_read"],
        "cache_creation": {"ephemeral_5m_input_tokens": u["cache_write"], "ephemeral_1h_input_tokens": hour},
        "output_tokens": 1,
        "service_tier": "standard",
    }
    blocks, i = [], 0
    if p.get("thinking"):
        blocks.append({"type": "thinking", "thinking": p["thinking"], "signature": "c2lnbmVk"})
    if p["text"]:
        blocks.append({"type": "text", "text": p["text"]})
    for n, _, a in p["calls"]:
        blocks.append({"type": "tool_use", "id": rid("toolu_"), "name": n, "input": a})
    stop = "tool_use" if p["calls"] else "end_turn"
    msg = {
        "id": rid("msg_"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    ev = [("message_start", {"type": "message_start", "message": msg}), ("ping", {"type": "ping"})]
    for i, b in enumerate(blocks):
        if b["type"] == "thinking":
            start = {"type": "thinking", "thinking": "", "signature": ""}
            ev.append(("content_block_start", {"type": "content_block_start", "index": i, "content_block": start}))
            for delta in (
                *({"type": "thinking_delta", "thinking": c} for c in chunks(b["thinking"])),
                {"type": "signature_delta", "signature": b["signature"]},
            ):
                ev.append(("content_block_delta", {"type": "content_block_delta", "index": i, "delta": delta}))
        elif b["type"] == "text":
            ev.append(
                (
                    "content_block_start",
                    {"type": "content_block_start", "index": i, "content_block": {"type": "text", "text": ""}},
                )
            )
            for c in chunks(b["text"]):
                ev.append(
                    (
                        "content_block_delta",
                        {"type": "content_block_delta", "index": i, "delta": {"type": "text_delta", "text": c}},
                    )
                )
        else:
            ev.append(("content_block_start", {"type": "content_block_start", "index": i, "content_block": dict(b, input={})}))
            for c in chunks(json.dumps(b["input"]), 60):
                ev.append(
                    (
                        "content_block_delta",
                        {"type": "content_block_delta", "index": i, "delta": {"type": "input_json_delta", "partial_json": c}},
                    )
                )
        ev.append(("content_block_stop", {"type": "content_block_stop", "index": i}))
    fin = dict(usage, output_tokens=u["output"])
    ev.append(
        (
            "message_delta",
            {
                "type": "message_delta",
                "delta": {"stop_reason": stop, "stop_sequence": None},
                "usage": {
                    k: fin[k] for k in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
                },
            },
        )
    )
    ev.append(("message_stop", {"type": "message_stop"}))
    return ev, dict(msg, content=blocks, stop_reason=stop, usage=fin)


def responses_events(p, model):
    u = p["usage"]
    inp = u["input"] + u["cache_read"] + u["cache_write"]
    usage = {
        "input_tokens": inp,
        "input_tokens_details": {"cached_tokens": u["cache_read"]},
        "output_tokens": u["output"],
        "output_tokens_details": {"reasoning_tokens": u.get("reasoning", 0)},
        "total_tokens": inp + u["output"],
    }
    items = []
    if p.get("thinking"):
        summary = [{"type": "summary_text", "text": p["thinking"]}]
        items.append({"type": "reasoning", "id": rid("rs_"), "summary": summary, "encrypted_content": "c2VjcmV0"})
    if p["text"]:
        items.append(
            {
                "type": "message",
                "id": rid("msg_"),
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": p["text"], "annotations": []}],
            }
        )
    for n, kind, a in p["calls"]:
        if kind == "custom":
            items.append(
                {
                    "type": "custom_tool_call",
                    "id": rid("ctc_"),
                    "call_id": rid("call_"),
                    "name": n,
                    "input": a if isinstance(a, str) else a.get("input", json.dumps(a)),
                    "status": "completed",
                }
            )
        elif kind == "local_shell":
            items.append(
                {
                    "type": "local_shell_call",
                    "id": rid("lsh_"),
                    "call_id": rid("call_"),
                    "status": "completed",
                    "action": {"type": "exec", "command": a["command"], "env": {}},
                }
            )
        else:
            it = {
                "type": "function_call",
                "id": rid("fc_"),
                "call_id": rid("call_"),
                "name": n,
                "arguments": json.dumps(a),
                "status": "completed",
            }
            if kind.startswith("ns:"):
                it["namespace"] = kind[3:]
            items.append(it)
    base = {
        "id": rid("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "model": model,
        "status": "in_progress",
        "output": [],
        "usage": None,
        "error": None,
        "incomplete_details": None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    seq = [0]
    ev = []

    def add(t, **kw):
        ev.append((t, dict({"type": t, "sequence_number": seq[0]}, **kw)))
        seq[0] += 1

    add("response.created", response=base)
    add("response.in_progress", response=base)
    for i, it in enumerate(items):
        start = dict(it, status="in_progress")
        if it["type"] == "message":
            start["content"] = []
        add("response.output_item.added", output_index=i, item=start)
        if it["type"] == "message":
            add(
                "response.content_part.added",
                item_id=it["id"],
                output_index=i,
                content_index=0,
                part={"type": "output_text", "text": "", "annotations": []},
            )
            for c in chunks(it["content"][0]["text"]):
                add("response.output_text.delta", item_id=it["id"], output_index=i, content_index=0, delta=c)
            add("response.output_text.done", item_id=it["id"], output_index=i, content_index=0, text=it["content"][0]["text"])
            add("response.content_part.done", item_id=it["id"], output_index=i, content_index=0, part=it["content"][0])
        elif it["type"] == "function_call":
            for c in chunks(it["arguments"], 60):
                add("response.function_call_arguments.delta", item_id=it["id"], output_index=i, delta=c)
            add("response.function_call_arguments.done", item_id=it["id"], output_index=i, arguments=it["arguments"])
        add("response.output_item.done", output_index=i, item=it)
    full = dict(base, status="completed", output=items, usage=usage)
    add("response.completed", response=full)
    return ev, full


def chat_events(p, model, include_usage):
    u = p["usage"]
    inp = u["input"] + u["cache_read"] + u["cache_write"]
    usage = {
        "prompt_tokens": inp,
        "completion_tokens": u["output"],
        "total_tokens": inp + u["output"],
        "prompt_tokens_details": {"cached_tokens": u["cache_read"]},
        "completion_tokens_details": {"reasoning_tokens": u.get("reasoning", 0)},
    }
    if p.get("chat_cost") is not None:
        usage["cost"] = p["chat_cost"]
    calls = [
        {"id": rid("call_"), "type": "function", "function": {"name": n, "arguments": json.dumps(a)}} for n, _, a in p["calls"]
    ]
    fin = "tool_calls" if calls else "stop"
    base = {"id": rid("chatcmpl-"), "object": "chat.completion.chunk", "created": int(time.time()), "model": model}

    def ch(delta, fr=None):
        return (None, dict(base, choices=[{"index": 0, "delta": delta, "finish_reason": fr}]))

    ev = [ch({"role": "assistant", "content": ""})]
    if p.get("thinking"):
        for c in chunks(p["thinking"]):
            ev.append(ch({"reasoning_content": c}))
    if p["text"]:
        for c in chunks(p["text"]):
            ev.append(ch({"content": c}))
    for i, c in enumerate(calls):
        ev.append(ch({"tool_calls": [dict(c, index=i, function={"name": c["function"]["name"], "arguments": ""})]}))
        for part in chunks(c["function"]["arguments"], 60):
            ev.append(ch({"tool_calls": [{"index": i, "function": {"arguments": part}}]}))
    ev.append(ch({}, fin))
    if include_usage:
        ev.append((None, dict(base, choices=[], usage=usage)))
    msg = {"role": "assistant", "content": p["text"] or None}
    if calls:
        msg["tool_calls"] = calls
    full = dict(base, object="chat.completion", choices=[{"index": 0, "message": msg, "finish_reason": fin}], usage=usage)
    return ev, full


def gemini_events(p, model):
    u = p["usage"]
    inp = u["input"] + u["cache_read"] + u["cache_write"]
    thoughts = u.get("reasoning", 0)
    usage = {
        "promptTokenCount": inp,
        "candidatesTokenCount": u["output"] - thoughts,
        "totalTokenCount": inp + u["output"],
        "cachedContentTokenCount": u["cache_read"],
        **({"thoughtsTokenCount": thoughts} if thoughts else {}),
    }
    base = {"modelVersion": model, "responseId": rid("g")}
    ev, parts = [], []
    if p.get("thinking"):
        parts.append({"text": p["thinking"], "thought": True})
        ev.append((None, dict(base, candidates=[{"index": 0, "content": {"role": "model", "parts": list(parts)}}])))
    if p["text"]:
        for c in chunks(p["text"]):
            ev.append((None, dict(base, candidates=[{"index": 0, "content": {"role": "model", "parts": [{"text": c}]}}])))
        parts.append({"text": p["text"]})
    fcs = [{"functionCall": {"name": n, "args": a, "id": rid("call")}} for n, _, a in p["calls"]]
    if fcs:
        ev.append((None, dict(base, candidates=[{"index": 0, "content": {"role": "model", "parts": fcs}}])))
    parts += fcs
    ev.append(
        (
            None,
            dict(
                base,
                candidates=[{"index": 0, "content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP"}],
                usageMetadata=usage,
            ),
        )
    )
    full = dict(
        base, candidates=[{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}], usageMetadata=usage
    )
    return ev, full


# ---------------------------------------------------------------- server
class H(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stub-llm/1"

    def log_message(self, *a):
        pass

    def body(self):
        te = self.headers.get("Transfer-Encoding", "")
        if "chunked" in te.lower():
            raw = b""
            while True:
                n = int(self.rfile.readline().split(b";")[0], 16)
                if n == 0:
                    self.rfile.readline()
                    break
                raw += self.rfile.read(n)
                self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        enc = self.headers.get("Content-Encoding", "")
        try:
            if enc == "gzip":
                raw = gzip.decompress(raw)
            elif enc == "deflate":
                raw = zlib.decompress(raw)
        except Exception:
            pass
        return raw

    def send_json(self, obj, status=200, headers=()):
        b = json.dumps(obj).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(b)))
        for k, v in headers:
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b)

    def do_HEAD(self):
        self.send_json({})

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/__stub/log":
            with LOCK:
                return self.send_json(LOG)
        if path == "/__stub/sink":
            with LOCK:
                return self.send_json(SINK)
        if path == "/__stub/usage":
            return self.send_json(totals())
        if path.endswith("/models"):
            ids = STATE["script"].get("models", ["claude-sonnet-4-5", "gpt-5", "stub-model"])
            return self.send_json(
                {
                    "object": "list",
                    "has_more": False,
                    "data": [
                        {"id": i, "object": "model", "type": "model", "owned_by": "stub", "created": 0, "display_name": i}
                        for i in ids
                    ],
                }
            )
        self.send_json({"stub": True})

    def do_PUT(self):
        if self.path == "/__stub/script":
            STATE["script"] = json.loads(self.body())
            with LOCK:
                ERR_LEFT.clear()
            return self.send_json({"ok": True})
        self.body()
        self.send_json({"error": "not found"}, 404)

    def do_DELETE(self):
        if self.path == "/__stub/log":
            with LOCK:
                LOG.clear()
                SINK.clear()
                ERR_LEFT.clear()
            return self.send_json({"ok": True})
        self.send_json({"error": "not found"}, 404)

    def do_POST(self):
        raw = self.body()
        path = self.path.split("?")[0]
        if path == "/__stub/reset":
            with LOCK:
                LOG.clear()
                SINK.clear()
                ERR_LEFT.clear()
            return self.send_json({"ok": True})
        try:
            body = json.loads(raw or b"{}")
        except Exception:
            body = None
        api = None
        if path.endswith("/messages/count_tokens"):
            return self.send_json({"input_tokens": 1000})
        if path.endswith(":countTokens"):
            return self.send_json({"totalTokens": 1000})
        if path.endswith("/chat/completions"):
            api = "chat"
        elif path.endswith("/messages"):
            api = "anthropic"
        elif path.endswith("/responses"):
            api = "responses"
        elif re.search(r":(stream)?[gG]enerateContent$", path):
            api = "gemini"
        if api is None or body is None:
            rec = {"ts": time.time(), "path": path, "body": body if body is not None else raw[:4000].decode("latin1")}
            with LOCK:
                SINK.append(rec)
            write_log({"sink": rec})
            hook = STATE["script"].get("hooks", {}).get(path)
            return self.send_json(hook if hook is not None else {})
        key = (
            self.headers.get("x-api-key")
            or self.headers.get("x-goog-api-key")
            or (self.headers.get("Authorization") or "").replace("Bearer ", "")
        )
        try:
            p = plan(api, body, path, key)
        except Exception as e:  # a fault in a scenario is a 400, told on stderr
            print(f"stub-llm: scenario fault: {e!r}", file=sys.stderr, flush=True)
            return self.send_json({"error": {"type": "invalid_request_error", "message": f"stub scenario fault: {e!r}"}}, 400)
        model = body.get("model") or (re.search(r"models/([^:/]+)", path) or [None, "stub-model"])[1]
        rec = {
            "ts": time.time(),
            "api": api,
            "path": path,
            "model": model,
            "scenario": p["scenario"],
            "round": p["round"],
            "turn": p["turn"],
            "side": p["side"],
            "stream": bool(body.get("stream")),
            "usage": p["usage"],
            "pictures": len(
                re.findall(r'"(?:media_type|mimeType|mime_type)": ?"image/|data:image/', raw.decode("utf-8", "replace"))
            ),
            "calls": [c[0] for c in p["calls"]],
            "tools": p["tools"],
            "newest": json.dumps((body.get("messages") or body.get("input") or body.get("contents") or [])[-2:])[-20000:],
            "outcome": "started",
        }
        with LOCK:
            LOG.append(rec)
        if STATE.get("dump"):
            with open(STATE["dump"], "a") as f:
                f.write(
                    json.dumps(
                        {
                            "path": self.path,
                            "headers": {
                                k: v
                                for k, v in self.headers.items()
                                if k.lower() not in ("authorization", "x-api-key", "x-goog-api-key")
                            },
                            "body": body,
                        }
                    )
                    + "\n"
                )
        try:
            self.answer(api, body, path, p, model)
            rec["outcome"] = "completed" if not p["error"] else "error_sent"
        except (Gone, BrokenPipeError, ConnectionResetError):
            rec["outcome"] = "client_disconnected"
            self.close_connection = True
        except Cut:
            rec["outcome"] = "cut"
            self.close_connection = True
        except TimeoutError:
            rec["outcome"] = "hang_expired"
            self.close_connection = True
        rec["seconds"] = round(time.time() - rec["ts"], 3)
        write_log(rec)

    # -- pacing
    def nap(self, s):
        end = time.time() + s
        while True:
            left = end - time.time()
            if left <= 0:
                return
            r, _, _ = select.select([self.connection], [], [], min(left, 0.25))
            if r:
                import socket as _s

                try:
                    if self.connection.recv(1, _s.MSG_PEEK) == b"":
                        raise Gone()
                except ConnectionError:
                    raise Gone() from None
                time.sleep(min(left, 0.25))

    def hang(self, p):
        self.nap(p.get("max_hang_s", 600))
        raise TimeoutError()

    def put(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def answer(self, api, body, path, p, model):
        if p["latency_ms"]:
            self.nap(p["latency_ms"] / 1000)
        if p["hang"] == "before":
            self.hang(p)
        if p["error"] and not p["error"].get("cut"):
            e = p["error"]
            st = e.get("status", 529)
            t, m = e.get("type", "overloaded_error"), e.get("message", "stub error")
            obj = {"type": "error", "error": {"type": t, "message": m}}
            if api in ("chat", "responses"):
                obj = {"error": {"type": t, "message": m, "code": e.get("code", t), "param": None}}
            elif api == "gemini":
                obj = {"error": {"code": st, "message": m, "status": e.get("code", "UNAVAILABLE")}}
            hd = [*p.get("headers", []), *([("retry-after", str(e["retry_after"]))] if "retry_after" in e else [])]
            return self.send_json(obj, st, hd)
        if api == "anthropic":
            ev, full = anthropic_events(p, model)
        elif api == "responses":
            ev, full = responses_events(p, model)
        elif api == "chat":
            ev, full = chat_events(p, model, True)
        else:
            ev, full = gemini_events(p, model)
        stream = body.get("stream") if api != "gemini" else path.endswith(":streamGenerateContent")
        cut = bool(p["error"])
        if not stream:
            if cut:
                raise Cut()
            return self.send_json(full, headers=p.get("headers", []))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("request-id", rid("req_"))
        for k, v in p.get("headers", []):
            self.send_header(k, v)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        half = max(2, len(ev) // 2)
        for i, (name, obj) in enumerate(ev):
            if p["hang"] == "mid" and i == half:
                self.hang(p)
            if cut and i == half:
                raise Cut()
            if i and p["chunk_delay_ms"]:
                self.nap(p["chunk_delay_ms"] / 1000)
            s = (f"event: {name}\n" if name else "") + "data: " + json.dumps(obj) + "\n\n"
            self.put(s.encode())
        if api == "chat":
            self.put(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def totals():
    """Ground truth: completed answers, per scenario and model."""
    out = {}
    with LOCK:
        for r in LOG:
            if r["outcome"] != "completed":
                continue
            k = r["scenario"]
            m = out.setdefault(k, {}).setdefault(
                r["model"], {"requests": 0, "side_requests": 0, "input": 0, "output": 0, "cache_read": 0, "cache_write": 0}
            )
            m["requests"] += 1
            m["side_requests"] += 1 if r["side"] else 0
            for f in ("input", "output", "cache_read", "cache_write"):
                m[f] += r["usage"].get(f, 0)
    prices = STATE["script"].get("prices_per_mtok", {})
    for sc in out.values():
        for model, m in sc.items():
            pr = next((v for k, v in prices.items() if model.startswith(k)), None)
            if pr:
                m["usd"] = round(sum(m[f] * pr.get(f, 0) for f in ("input", "output", "cache_read", "cache_write")) / 1e6, 8)
    return out


def write_log(rec):
    if STATE["logfile"]:
        with LOCK, open(STATE["logfile"], "a") as f:
            f.write(json.dumps(rec) + "\n")


class S(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("script", help="scenario JSON file")
    ap.add_argument("--port", type=int, default=8399)
    ap.add_argument("--log", help="append one JSON line per answered request")
    ap.add_argument("--dump", help="append every request body (large; debugging)")
    ap.add_argument("--max-seconds", type=int, default=3600, help="stop by itself after this long")
    a = ap.parse_args()
    with open(a.script) as f:
        STATE["script"] = json.load(f)
    STATE["logfile"], STATE["dump"] = a.log, a.dump
    srv = S(("127.0.0.1", a.port), H)  # loopback only, on purpose: no option for it
    threading.Thread(target=lambda: (time.sleep(a.max_seconds), srv.shutdown()), daemon=True).start()
    print(f"stub-llm on 127.0.0.1:{srv.server_address[1]}", flush=True)
    try:
        srv.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    sys.exit(main())
