"""The scripted LLM server (stub_llm.py): a test defines its responses and compares with its counts."""

import json
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.faults.harness import ROOT

MAX_S = 3600  # it ends by itself if the tests do not end it
KINDS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")
PRICES = {  # USD per million tokens, as genai-prices has them
    "claude-sonnet-4-5": {"input": 3.0, "output": 15.0, "cache_read": 0.30, "cache_write": 3.75, "cache_write_1h": 6.0},
    "claude-haiku-4-5": {"input": 1.0, "output": 5.0, "cache_read": 0.10, "cache_write": 1.25, "cache_write_1h": 2.0},
    "gpt-5": {"input": 1.25, "output": 10.0, "cache_read": 0.125, "cache_write": 1.25},
    "gemini-2.5-pro": {"input": 1.25, "output": 10.0, "cache_read": 0.125, "cache_write": 1.25},
    "gemini-2.5-flash": {"input": 0.3, "output": 2.5, "cache_read": 0.03, "cache_write": 0.3},
    "gemini-3-flash": {"input": 0.5, "output": 3.0, "cache_read": 0.05, "cache_write": 0.5},
}


class ScriptedLLM:
    """A model provider on a free loopback port. `scenarios`: by name, see stub_llm.md."""

    def __init__(self, folder: Path, scenarios: dict[str, Any], prices: dict[str, dict[str, float]] = PRICES) -> None:
        self._prices = prices
        path = folder / "llm.json"
        path.write_text(json.dumps(self._script(scenarios)))
        command = [sys.executable, str(ROOT / "tests/agents/stub_llm.py"), str(path), "--port", "0"]
        with open(folder / "llm.err", "wb") as errors:
            self._process = subprocess.Popen(
                [*command, "--max-seconds", str(MAX_S)], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line.startswith("stub-llm on "), (folder / "llm.err").read_text()
        self.address = f"http://{line.split()[-1]}"

    def url(self, scenario: str) -> str:
        """A base URL that plays this scenario; OpenAI's clients want `/v1` behind it."""
        return f"{self.address}/s/{scenario}"

    def log(self, scenario: str | None = None) -> list[dict[str, Any]]:
        """Every model request, in the order of arrival, with its outcome."""
        requests: list[dict[str, Any]] = self._get("/__stub/log")
        return [request for request in requests if scenario in (None, request["scenario"])]

    def usage(self) -> dict[str, Any]:
        """Requests, tokens and USD of completed responses, by scenario and model."""
        usage: dict[str, Any] = self._get("/__stub/usage")
        return usage

    def sink(self) -> list[dict[str, Any]]:
        """Every POST that was no model request."""
        requests: list[dict[str, Any]] = self._get("/__stub/sink")
        return requests

    def cost(self, scenario: str | None = None) -> int:
        """Micro-USD of all completed responses. Tests choose usages that cost whole micro-dollars."""
        completed = [request for request in self.log(scenario) if request["outcome"] == "completed"]
        total = sum((self.price(request) for request in completed), Decimal(0))
        assert total == int(total), f"not whole micro-dollars: {total}"
        return int(total)

    def price(self, request: dict[str, Any]) -> Decimal:
        """Micro-USD of one request: a price per million tokens is micro-USD per token."""
        prices = next(model_prices for name, model_prices in self._prices.items() if request["model"].startswith(name))
        return sum((Decimal(request["usage"].get(kind, 0)) * Decimal(str(prices.get(kind, 0))) for kind in KINDS), Decimal(0))

    def begin(self, scenarios: dict[str, Any]) -> None:
        """Play these scenarios alone from now on, and count from zero."""
        self.change(**scenarios)
        urllib.request.urlopen(urllib.request.Request(f"{self.address}/__stub/reset", b"{}"), timeout=10).close()

    def change(self, **scenarios: Any) -> None:
        """Play these scenarios from now on; the counts stay."""
        body = json.dumps(self._script(scenarios)).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.address}/__stub/script", body, method="PUT"), timeout=10).close()

    def _script(self, scenarios: dict[str, Any]) -> dict[str, Any]:
        return {
            "default": next(iter(scenarios)),
            "models": [*self._prices],
            "prices_per_mtok": self._prices,
            "scenarios": scenarios,
            "side_call": {"text": "a side answer", "usage": {"input": 200, "output": 10}},
        }

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=10) as response:
            return json.load(response)
