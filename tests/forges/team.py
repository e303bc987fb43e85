"""A workspace of a running Muster, its repository at the GitHub of the tests, and what people and GitHub do there."""

import hashlib
import hmac
import json
import random
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from tests.faults.harness import Client, until
from tests.faults.shop import Shop
from tests.forges.github import GitHub, Repository
from tests.orchestration.git.repositories import git

SECRET = "a-long-random-value"
AGENT = 'echo "round $MUSTER_ROUND" > greeting; touch ok'
WAITS = "waiting_for_merge"


class Team(Shop):
    def __init__(self, client: Client, github: GitHub, url: str, folder: Path, config: dict[str, Any]) -> None:
        name = f"team/shop-{len(github.repositories)}"
        forge = {"kind": "github", "url": url, "repository": name, **config.pop("forge", {})}
        super().__init__(client, folder, agent={"command": ["sh", "-c", AGENT]}, land_by="pull_request", forge=forge, **config)
        self.remote = folder / "remote.git"
        git(self.repo, "clone", "--quiet", "--bare", str(self.repo), str(self.remote))
        self.git("remote", "add", "origin", str(self.remote))
        self.there = github.repositories[name] = Repository(name, self.remote)
        self.call("PUT", "/secrets/FORGE_TOKEN", {"value": f"token-of-{name}"})
        self.call("PUT", "/secrets/FORGE_WEBHOOK_SECRET", {"value": SECRET})

    def pull_request(self) -> dict[str, Any]:
        """The newest, as the API shows it."""
        newest: dict[str, Any] = self.call("GET", "/pull-requests")["pull_requests"][0]
        return newest

    def waits(self, id_: str, *, rounds: int = 1, seconds: float = 40) -> dict[str, Any]:
        """Until its pull request is open with the work of that round, and nothing is left to be done but to merge it."""

        def is_so() -> bool:
            entry = self.entry(id_)
            newest = self.call("GET", "/pull-requests")["pull_requests"][:1]
            is_open = (
                bool(newest)
                and newest[0]["state"] == "open"
                and newest[0]["head"] == self.there.shown(newest[0]["number"])["head"]["sha"]
            )
            return entry["rounds_completed"] == rounds and self.reason(id_)[0] == WAITS and is_open

        until(is_so, seconds, every=0.1)
        return self.pull_request()

    def problem(self) -> dict[str, Any]:
        """The newest pull request, once the forge refused something."""
        seen: list[dict[str, Any]] = []

        def is_seen() -> bool:
            seen.extend(self.call("GET", "/pull-requests")["pull_requests"])
            return any(row["problem"] for row in seen)

        until(is_seen, 40, every=0.1)
        return next(row for row in seen if row["problem"])

    def has_no_problem(self) -> None:
        until(lambda: self.pull_request()["problem"] == "", 20, every=0.1)

    def reason(self, id_: str) -> tuple[str, str]:
        """Its first reason's code and message."""
        reasons = self.entry(id_)["reasons"] or [{"code": "", "message": ""}]
        return reasons[0]["code"], reasons[0]["message"]

    def post(self, event: str, payload: dict[str, Any]) -> None:
        """Deliver the event three times, as GitHub repeats what it takes for lost."""
        for _ in range(3):
            assert self.deliver(event, payload) == 200

    def post_in_any_order(self, payloads: list[tuple[str, dict[str, Any]]], seed: int) -> None:
        deliveries = payloads * 3
        random.Random(seed).shuffle(deliveries)
        for event, payload in deliveries:
            assert self.deliver(event, payload) == 200

    def deliver(self, event: str, payload: dict[str, Any], secret: str = SECRET) -> int:
        """One delivery; the answer's status."""
        body = json.dumps(payload).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-GitHub-Event": event, "X-Hub-Signature-256": f"sha256={signature}"}
        connection = self.client.up.connect(20)
        connection.request("POST", f"/api/v1{self.path}/forge/webhook", body, headers)
        answer: HTTPResponse = connection.getresponse()
        return answer.status
