"""Agents that never finish under a cap of $0.50, with requests of $0.09: the end of the money is quiet, and all that pays a request is used."""

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.faults import looping_cli
from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.shop import Shop
from tests.faults.test_kills import QUICK

ENTRIES, CAP_USD = 4, 0.5
LEAST_USD = 0.062  # the bound of a request with the lowest output limit that cuts off no answer


class Provider:
    """Counts its answers, by the session that asked."""

    def __init__(self) -> None:
        self.answers = answers = Counter[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.endswith("/count_tokens"):
                    self.send_error(404)
                    return
                answers[asked["metadata"]["user_id"]] += 1
                usage = {"input_tokens": 100, "output_tokens": min(asked["max_tokens"], looping_cli.OUTPUT)}
                content = [{"type": "text", "text": "on and on"}]
                message = {
                    "type": "message",
                    "model": asked["model"],
                    "content": content,
                    "stop_reason": "end_turn",
                    "usage": usage,
                }
                answer = json.dumps(message).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    serving = Provider()
    yield serving
    serving.close()


class Looping(Shop):
    """A workspace whose agents ask again and again. `how`: what its money is short of."""

    def __init__(self, client: Client, folder: Path, how: str, provider: Provider) -> None:
        folder.mkdir()
        env = {"ANTHROPIC_API_KEY": "sk-of-the-team", "ANTHROPIC_BASE_URL": provider.address}
        agent = {"kind": "claude_code", "model": "claude-sonnet-4-5", "env": env}
        super().__init__(client, folder, agent=agent, max_workers=4)
        self.provider, self.how = provider, how
        self.limit(CAP_USD)
        self.ids = [self.add(f"entry {n}", budget_usd=None if how == "shares" else 5) for n in range(ENTRIES)]

    def limit(self, usd: float) -> None:
        if self.how == "day":
            self.call("PUT", "/budget/limits", {"limits": [{"category": "total", "period": "day", "limit_usd": usd}]})
        else:
            self.call("PATCH", "/budget", {"max_project_spend_usd": usd})

    def answers(self) -> list[list[int]]:
        """The answered requests of each session of each entry."""
        return [[self.provider.answers[id_] for id_ in self.entry(entry)["session_ids"]] for entry in self.ids]

    def is_quiet(self) -> bool:
        return all("Its next request may cost" in str(self.entry(id_)["reasons"]) for id_ in self.ids)


@pytest.mark.parametrize("how", ["own", "shares", "day"])
def test_the_end_of_money_is_quiet_and_a_raise_continues_it(
    how: str, start: Callable[..., Running], tmp_path: Path, provider: Provider
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/claude").symlink_to(ROOT / "tests/faults/looping_cli.py")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    shop = Looping(Client(start(**QUICK, MUSTER_REPO_ROOTS=str(tmp_path), PATH=path)), tmp_path / "shop", how, provider)
    until(shop.is_quiet, 60, every=0.2)
    answers = shop.answers()
    assert max(sessions.count(0) for sessions in answers) <= 1, "no entry starts twice without an answer"
    spent = shop.call("GET", "/budget")["global"]["total_spent_usd"]
    assert CAP_USD - LEAST_USD < spent <= CAP_USD
    shop.limit(CAP_USD + 2 * LEAST_USD)
    until(lambda: sum(map(sum, shop.answers())) > sum(map(sum, answers)), 30)
