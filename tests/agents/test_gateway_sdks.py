"""The providers' own SDKs with the address and the token of a permit: each request is booked once, and a refusal is the SDK's own error, at once."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents import clis
from tests.agents.harness import MICRO, Bench
from tests.agents.llm import ScriptedLLM
from tests.faults import crashes
from tests.patience import PATIENCE

CLIS = ()
KEYS = (
    ("claude_code", "ANTHROPIC_BASE_URL", "", "ANTHROPIC_API_KEY"),
    ("codex", "OPENAI_BASE_URL", "/v1", "OPENAI_API_KEY"),
    ("gemini", "GOOGLE_GEMINI_BASE_URL", "", "GEMINI_API_KEY"),
)
"""An agent of each provider, the variable and the path of its address, and its key."""
APIS = {"anthropic": "anthropic", "responses": "openai_responses", "chat": "openai_chat", "gemini": "gemini"}
"""The gateway's names, by the provider's."""
COUNT = (40, 20, 0)
ANSWER = {"text": "Hello, it works.", "usage": dict(zip(("input", "output", "cache_read"), COUNT, strict=True))}
HERE = Path(__file__).parent
ROWS = """SELECT request.api, request.state, request.status, input_tokens, output_tokens, cache_read_tokens, request.amount
FROM budget_gatewayrequest request JOIN budget_hold hold ON hold.id = hold_id WHERE hold.session_ref = ?"""


def permit(work: Bench, amount: float) -> dict[str, Any]:
    granted: dict[str, Any] = work.call("POST", "/budget/permits", {"category": "orchestrator", "amount_usd": amount})
    return granted


def ask(language: str, address: str, **tokens: str) -> list[dict[str, Any]]:
    """The answers to one language's SDKs, with each of these tokens."""
    home = clis.sdks(language)
    if language == "python":
        command = [str(home / "bin/python"), str(HERE / "sdk_calls.py")]
    else:
        command = ["node", str(shutil.copy(str(HERE / "sdk_calls.mjs"), home))]
    done = subprocess.run(
        [*command, address, *(f"{name}={token}" for name, token in tokens.items())],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def with_keys(bench: Callable[..., Bench], provider: ScriptedLLM) -> Bench:
    """A workspace with a key of each provider."""
    agents = {kind: {"kind": kind, "env": {variable: provider.url("own") + path}} for kind, variable, path, _ in KEYS}
    work = bench({"command": "false"}, gateway="auto", agents=agents)
    for *_, key in KEYS:
        work.call("PUT", f"/secrets/{key}", {"value": "stub-key"})
    return work


@pytest.mark.parametrize("language", clis.SDKS)
def test_each_request_is_booked_once_and_a_refusal_is_an_error_at_once(
    language: str, llm: Callable[..., ScriptedLLM], bench: Callable[..., Bench]
) -> None:
    provider = llm(own={"side_call": ANSWER})
    work = with_keys(bench, provider)
    rich, poor = permit(work, 5), permit(work, 0.001)
    wrong = rich["gateway_token"][:-4] + "AAAA"
    lines = ask(language, rich["gateway_url"], ask=rich["gateway_token"], wrong=wrong, poor=poor["gateway_token"])
    asked, strange, unpaid = ([line for line in lines if line["action"] == action] for action in ("ask", "wrong", "poor"))
    assert [line.get("text") for line in asked] == [ANSWER["text"]] * 8, asked
    assert {(line["api"] == "gemini" or line["error"] == "AuthenticationError", line["status"]) for line in strange} == {
        (True, 401)
    }
    assert {line["status"] for line in unpaid} == {402}
    assert all("There is no money for this request" in line["message"] for line in unpaid)
    assert [len(each) for each in (strange, unpaid)] == [8, 8]
    check_books(work, provider, rich["permit_id"], poor["permit_id"])


def check_books(work: Bench, provider: ScriptedLLM, rich: str, poor: str) -> None:
    """Each request is booked once, on its permit, at the provider's count; each refused one was sent once, and not to the provider."""
    settled = Counter(crashes.rows(work.up, ROWS, rich))
    seen = [(APIS[request["api"]], "settled", 200, *COUNT, int(provider.price(request))) for request in provider.log()]
    assert settled == Counter(seen) and len(seen) == 8
    refused = Counter((api, state, status) for api, state, status, *_ in crashes.rows(work.up, ROWS, poor))
    assert refused == {(api, "refused", 402): 2 for api in APIS.values()}
    booked = work.call("GET", "/budget/ledger?limit=500")["entries"]
    assert sorted(round(row["amount_usd"] * MICRO) for row in booked) == sorted(amount for *_, amount in seen)
    holds = {hold["permit_id"]: round(hold["drawn_usd"] * MICRO) for hold in work.call("GET", "/budget/holds")["holds"]}
    assert holds == {rich: provider.cost(), poor: 0}
