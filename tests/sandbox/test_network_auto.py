"""With `network: auto` an agent behind the gateway has a proxy, and every other process the host's network."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration import configuration
from orchestration.configuration.gateway_use import GatewaySetup
from orchestration.models import Round
from orchestration.sessions.sandbox import Decision, network, network_sentence, of_workspace
from orchestration.sessions.sandbox.deciding import network_of
from orchestration.worker.agent_run import gateway_access
from tests.orchestration.worker.sessions.shop import Shop
from tests.sandbox import test_network

port = other_port = test_network.port
PROVIDER = {
    "anthropic": {"base_url": "https://api.anthropic.com", "key": {"secret": "KEY", "variable": "KEY"}, "credential": "KEY"}
}
BEHIND = "Network of Any command (implement): the gateway, Muster and what sandbox.allow names."


@pytest.fixture
def ask(tmp_path: Path) -> str:
    """A command that reads a URL past every proxy variable but the one of the sandbox."""
    (tmp_path / "ask.py").write_text(test_network.ASK)
    return f"{sys.executable} {tmp_path}/ask.py"


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch, settings: Any, port: int) -> str:
    """Each agent passes through the gateway, as one with a key does; the address of the gateway."""
    settings.GATEWAY_URL = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(gateway_access, "setup", lambda *_: GatewaySetup(PROVIDER, ("KEY",), {"ANTHROPIC_BASE_URL": ""}))
    return str(settings.GATEWAY_URL)


@pytest.mark.parametrize("kind", ["auto", "private", "proxy"])
def test_an_agent_behind_the_gateway_reaches_it_and_not_its_provider(
    kind: str, shop: Callable[..., Shop], ask: str, behind: str
) -> None:
    agent = {
        "command": f"{ask} $ANTHROPIC_BASE_URL/v1 > ok; {ask} https://api.anthropic.com/ >> ok",
        "env": {"ANTHROPIC_BASE_URL": "https://api.anthropic.com"},
    }
    work = shop(agent, sandbox={"network": kind})
    session = work.run()
    gateway, provider = (work.merged("ok") or "").splitlines()
    assert gateway == f"{behind}/v1 /v1 of {behind.removeprefix('http://')}"
    assert "Tunnel connection failed: 403" in provider
    lines = test_network.log_of(session)
    assert BEHIND in lines
    assert "The sandbox's proxy refused api.anthropic.com:443: add it to sandbox.allow" in lines


def test_setup_and_checks_keep_the_hosts_network(shop: Callable[..., Shop], ask: str, behind: str, other_port: int) -> None:
    host = f"http://127.0.0.1:{other_port}/"
    check = [{"name": "reaches it", "run": f"{ask} {host} | grep -q 'of 127' && grep -q refused ok && test -f set-up"}]
    work = shop(
        f"{ask} {host} > ok",
        setup=[f"{ask} {host} | grep -q 'of 127' && touch set-up"],
        verify=check,
        sandbox={"network": "auto"},
    )
    session = work.run()
    assert session.outcome == "passed", [round_.findings for round_ in Round.objects.all()]


def test_an_agent_that_goes_past_the_gateway_keeps_the_hosts_network(
    shop: Callable[..., Shop], ask: str, settings: Any, port: int
) -> None:
    settings.GATEWAY_URL = "http://127.0.0.1:8767"
    work = shop(f"{ask} http://127.0.0.1:{port}/x > ok", sandbox={"network": "auto"})
    session = work.run()
    assert "/x of 127.0.0.1" in (work.merged("ok") or "")
    sentence = "Network of Any command (implement): the host's. A command agent talks to its provider itself."
    assert sentence in test_network.log_of(session)


def test_without_a_sandbox_an_agent_behind_the_gateway_works_as_before(
    plain_shop: Callable[..., Shop], ask: str, behind: str, settings: Any, other_port: int
) -> None:
    settings.SANDBOX = "none"
    work = plain_shop(f"{ask} http://127.0.0.1:{other_port}/x > ok", sandbox={"network": "auto"})
    session = work.run()
    assert session.outcome == "passed" and "/x of" in (work.merged("ok") or "")
    assert not [line for line in test_network.log_of(session) if line.startswith("Network of")]


def test_a_judge_is_behind_the_gateway_too(shop: Callable[..., Shop], ask: str, behind: str, other_port: int) -> None:
    reviewer = {"agent": {"command": f"{ask} http://127.0.0.1:{other_port}/ >&2; true"}, "required": False}
    session = shop(interceptor=reviewer, sandbox={"network": "auto"}).run()
    assert BEHIND.replace("implement", "review") in test_network.log_of(session)


@pytest.mark.parametrize(
    ("kind", "behind_gateway", "own"),
    [
        ("auto", True, "proxy"),
        ("auto", False, "open"),
        ("private", True, "proxy"),
        ("private", False, "private"),
        ("open", True, "open"),
        ("proxy", False, "proxy"),
        ("none", True, "none"),
    ],
)
def test_only_auto_and_private_depend_on_the_process(kind: str, behind_gateway: bool, own: str) -> None:
    network = configuration.load({"sandbox": {"network": kind}}).sandbox.network
    assert network_of(network, behind_gateway=behind_gateway) == own


@pytest.mark.parametrize(
    ("config", "has_gateway", "shown"),
    [
        ({"network": "auto"}, True, "auto"),
        ({"network": "auto"}, False, "open"),
        ({"network": "proxy"}, False, "proxy"),
    ],
)
def test_without_a_gateway_auto_is_the_hosts_network(config: dict[str, str], has_gateway: bool, shown: str) -> None:
    assert of_workspace(configuration.load({"sandbox": config}), has_gateway=has_gateway).network == shown
    off = configuration.load({"sandbox": config, "gateway": "off"})
    assert of_workspace(off, has_gateway=True).network == ("open" if config["network"] == "auto" else shown)


@pytest.mark.parametrize(
    ("kind", "is_behind", "sentence"),
    [
        ("open", False, ""),
        ("none", False, ""),
        ("auto", True, "Network of X: the gateway, Muster and what sandbox.allow names."),
        ("proxy", True, "Network of X: the gateway, Muster and what sandbox.allow names."),
        ("auto", False, "Network of X: the host's. It uses a login."),
        ("proxy", False, "Network of X: its provider, Muster and what sandbox.allow names. It uses a login."),
    ],
)
def test_the_log_names_the_network_of_each_agent_with_the_reason(kind: str, is_behind: bool, sentence: str) -> None:
    past = "" if is_behind else "It uses a login"
    assert network_sentence(Decision(True, network=kind), "X", behind_gateway=is_behind, past=past) == sentence
    assert network_sentence(Decision(False, network=kind), "X", behind_gateway=is_behind, past=past) == ""


def test_what_the_config_names_as_the_provider_of_an_agent_behind_the_gateway_is_not_let_through(settings: Any) -> None:
    settings.AGENT_URL, settings.GATEWAY_URL = "http://127.0.0.1:8766", "http://127.0.0.1:8767"
    env = {"ANTHROPIC_BASE_URL": "https://openrouter.ai/api", "PIP_INDEX_URL": "https://packages.example/simple"}
    config = configuration.load(
        {
            "agent": {"kind": "claude_code", "model": "m", "env": env},
            "interceptor": {"agent": {"kind": "codex", "model": "m"}},
            "sandbox": {"network": "auto", "allow": ["own.example"]},
        }
    )
    entries = network.for_served(config, config.agent, "http://127.0.0.1:4000/x")
    assert entries == ["own.example", "packages.example:443", "127.0.0.1:8766", "127.0.0.1:8767", "127.0.0.1:4000"]
