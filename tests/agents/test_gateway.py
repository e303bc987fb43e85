"""Each CLI behind the gateway: without money it ends in peace, and nothing in its reach holds a key."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.agents import (
    test_claude_code,
    test_codex,
    test_gemini,
    test_mini_swe_agent,
    test_opencode,
    test_qwen,
)
from tests.agents.harness import MICRO, Bench, command_turn, text_turn
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import until

CLIS = ("claude", "codex", "opencode", "gemini", "qwen", "mini")
BUDGET = 0.5
COSTLY = {"input": 20_000, "output": 2_000}
AGENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "claude_code": test_claude_code.claude,
    "codex": test_codex.codex,
    "opencode": test_opencode.playing,
    "gemini": test_gemini.playing,
    "qwen": test_qwen.playing,
    "mini_swe_agent": test_mini_swe_agent.playing,
}
KEY = "sk-of-the-team-0123456789"
LOOK = r"""python3 - <<'END'
import glob, os
key = b"sk-of-the-team-" + b"0123456789"
found = []
for path in [*glob.glob("/proc/[0-9]*/environ"), *glob.glob("/proc/[0-9]*/cmdline")]:
    try: found += [path] * (key in open(path, "rb").read())
    except OSError: pass
for maps in glob.glob("/proc/[0-9]*/maps"):
    if maps.split("/")[2] == str(os.getpid()): continue
    try:
        memory = open(maps.replace("maps", "mem"), "rb", 0)
        for line in open(maps):
            span, rights = line.split()[:2]
            low, high = (int(part, 16) for part in span.split("-"))
            if "r" not in rights or high - low > 2**28: continue
            try:
                memory.seek(low)
                found += [maps] * (key in memory.read(high - low))
            except (OSError, OverflowError, ValueError): pass
    except OSError: pass
for root, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(root, name) not in ("/proc", "/sys", "/usr", "/lib")]
    for name in files:
        path = os.path.join(root, name)
        try:
            if os.path.isfile(path) and os.path.getsize(path) < 10**7: found += [path] * (key in open(path, "rb").read())
        except OSError: pass
found += ["environ"] * (key.decode() in repr(dict(os.environ)))
open("ok", "w").write("yes " + repr(found))
END"""


@pytest.mark.parametrize("kind", AGENTS)
def test_without_money_its_session_waits_for_money_and_keeps_its_work(
    kind: str, llm: Callable[..., ScriptedLLM], bench: Callable[..., Bench]
) -> None:
    provider = llm(own={"turns": [command_turn("date >> one", usage=COSTLY)], "loop": True})
    work = bench(AGENTS[kind](provider, "own"), gateway="auto", round_ceiling_usd=1)
    id_ = work.add("spend it", budget_usd=BUDGET)
    until(lambda: work.entry(id_)["status"] == "blocked", 60)
    *_, session = work.sessions(id_)
    assert session["status"] == "out_of_money"
    assert 0 < work.check_cost(id_, provider) <= BUDGET * MICRO
    rows = work.call("GET", f"/executor/sessions/{session['id']}/requests")["requests"]
    assert {row["state"] for row in rows} <= {"settled", "refused"}
    assert [row["status"] for row in rows if row["state"] == "refused"].count(402) >= 1


def test_nothing_in_the_reach_of_an_agent_holds_the_key(llm: Callable[..., ScriptedLLM], bench: Callable[..., Bench]) -> None:
    provider = llm(own={"turns": [command_turn(LOOK, usage=COSTLY), text_turn("I have looked.")]})
    config = test_claude_code.claude(provider, "own")
    env = {name: value for name, value in config["env"].items() if name != "ANTHROPIC_API_KEY"}
    sandbox = {"mode": "bubblewrap", "network": "proxy"}
    work = bench(config | {"env": env}, gateway="auto", sandbox=sandbox, verify=[{"name": "ok", "run": "test -f ok"}])
    work.call("PUT", "/secrets/ANTHROPIC_API_KEY", {"value": KEY})
    id_ = work.add("look for the key", spec={"files_to_create": ["ok"]})
    assert work.becomes(id_, "done", 60)
    assert work.git("show", "muster/integration:ok") == "yes []"
    assert provider.log("own")
