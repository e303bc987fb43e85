"""The harness itself: a provider that counts, a Muster that runs a CLI that calls it."""

import sys
from collections.abc import Callable

from tests.agents.harness import Bench, text_turn
from tests.agents.llm import ScriptedLLM

CLI = "claude"


def test_the_ledger_is_compared_with_what_the_provider_counted(
    llm: Callable[..., ScriptedLLM], bench: Callable[..., Bench]
) -> None:
    """A command as the agent: it sends one request and reports its cost."""
    provider = llm(one={"turns": [text_turn("hello", usage={"input": 2000, "output": 100})]})
    ask = (
        "import json, urllib.request as u;"
        f"r = u.Request('{provider.url('one')}/v1/messages', json.dumps({{'model': 'claude-sonnet-4-5', 'messages': [],"
        " 'tools': [{'name': 'Write', 'input_schema': {}}]}).encode(), {'content-type': 'application/json'});"
        "print(json.dumps({'type': 'usage', 'id': json.load(u.urlopen(r))['id'], 'cost_usd': 0.0075})); open('ok', 'w')"
    )
    # Its own requests leave from a loopback of its own.
    sandbox = {"allow": [f"localhost:{provider.address.rpartition(':')[2]}"]}
    work = bench({"command": [sys.executable, "-c", ask]}, verify=[{"name": "ok", "run": "test -f ok"}], sandbox=sandbox)
    id_ = work.add("write ok")
    work.becomes(id_, "done")
    assert work.check_cost(id_, provider, "one") == 7500
    assert provider.usage()["one"]["claude-sonnet-4-5"]["usd"] == 0.0075
    assert work.sessions(id_)[-1]["status"] == "passed"
