"""A workspace in a real Muster with a real CLI: tests add entries through the API and check ledger, rounds and files."""

from pathlib import Path
from typing import Any

from tests.agents.llm import ScriptedLLM
from tests.faults.harness import Client, Running, until
from tests.faults.test_work import Shop

MICRO = 10**6


def write_turn(path: str, content: str = "yes\n", **more: Any) -> dict[str, Any]:
    """A turn of a scenario in which the model writes a file."""
    return {"text": f"I write {path}.", "tool": {"kind": "write", "path": path, "content": content}, **more}


def command_turn(command: str, **more: Any) -> dict[str, Any]:
    """A turn in which the model runs a command."""
    return {"text": "I run a command.", "tool": {"kind": "bash", "command": command}, **more}


def text_turn(text: str = "Done.", **more: Any) -> dict[str, Any]:
    """A turn in which the model only answers with text: its last."""
    return {"text": text, **more}


class Bench(Shop):
    """A workspace for one test, with its ledger and sessions. Its agents have their keys, and report what they spend, unless `gateway` says otherwise."""

    def __init__(self, up: Running, client: Client, folder: Path, *, gateway: str = "off", **config: Any) -> None:
        self.folder = folder
        super().__init__(client, folder, gateway=gateway, **config)

    def ledger(self, id_: str) -> list[dict[str, Any]]:
        """The entry's amounts, oldest first."""
        rows = self.call("GET", "/budget/ledger?limit=500")["entries"]
        return [row for row in reversed(rows) if row["entry_id"] == id_]

    def spent(self, id_: str) -> int:
        """Micro-USD in the ledger, which the entry's account must agree with."""
        rows = sum(round(row["amount_usd"] * MICRO) for row in self.ledger(id_))
        assert rows == round(self.entry(id_)["spent_usd"] * MICRO), "the ledger and the account differ"
        return rows

    def check_cost(self, id_: str, llm: ScriptedLLM, scenario: str | None = None) -> int:
        """Assert that the ledger equals the provider's count, to the micro-dollar. Returns that amount."""
        truth, booked = llm.cost(scenario), self.spent(id_)
        assert booked == truth, f"booked {booked}, the provider counted {truth}: {self.ledger(id_)}"
        return booked

    def sessions(self, id_: str) -> list[dict[str, Any]]:
        """All sessions of the entry, oldest first."""
        return [self.call("GET", f"/executor/sessions/{session}") for session in self.entry(id_)["session_ids"]]

    def log(self, session: str) -> str:
        """The output of a session's agent."""
        return self.client.text("GET", f"{self.path}/executor/sessions/{session}/log")

    def wait_for_session(self, id_: str, seconds: float = 15) -> str:
        """Wait until the entry's session starts; returns its id."""
        until(lambda: self.entry(id_)["status"] == "in_progress" and self.entry(id_)["session_ids"], seconds, every=0.1)
        return str(self.entry(id_)["session_ids"][-1])
