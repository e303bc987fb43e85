"""Each agent of a session gets the key of its own credential, and nothing that is kept or shown holds one."""

from collections.abc import Callable

import pytest

from orchestration.configuration import credentials, workspace_setup
from orchestration.models import LogChunk
from orchestration.sessions.sandbox import Decision, for_workspace, network, sandbox_command
from tests.factories import ANA, a_workspace
from tests.orchestration.repeating import leaks
from tests.orchestration.worker.sessions.shop import Shop, gives, rounds_of

MINE, THEIRS = "sk-of-the-implementing-41", "sk-of-the-reviewing-42"
Make = Callable[..., Shop]


def with_credentials(work: Shop) -> Shop:
    """The implementing agent and its reviewer have one each, under one variable."""
    for name, key in (("mine", MINE), ("theirs", THEIRS)):
        credentials.put(work.workspace.pk, name, {"key": key, "variable": "THE_KEY"}, by=ANA)
    change = {"agent": {"credential": "mine"}, "interceptor": {"agent": {"credential": "theirs"}}}
    workspace_setup.configure(work.workspace, change, by=ANA)
    return work


def test_each_agent_gets_its_own_key_and_the_session_keeps_the_name_of_its_credential(shop: Make) -> None:
    agent = f'test "$THE_KEY" = {MINE} && ! env | grep -q reviewing && touch ok'
    review = f'test "$THE_KEY" = {THEIRS} && ! env | grep -q implementing && {gives("PASS")}'
    session = with_credentials(shop(agent, interceptor={"agent": {"command": review}})).run()
    assert (session.outcome, session.credential) == ("passed", "mine")


def test_a_check_gets_no_key(shop: Make) -> None:
    check = {"name": "check", "run": 'test -z "$THE_KEY" && test -f ok'}
    work = shop("touch ok", interceptor={"agent": {"command": gives("PASS")}}, verify=[check])
    assert with_credentials(work).run().outcome == "passed"


def test_output_of_an_agent_is_kept_without_its_key(shop: Make) -> None:
    agent = 'echo "plain $THE_KEY"; echo "error $THE_KEY" >&2; touch ok'
    session = with_credentials(shop(agent, interceptor={"agent": {"command": gives("PASS")}})).run()
    assert session.outcome == "passed"
    text = str([chunk.lines for chunk in LogChunk.objects.filter(session=session)])
    assert text.count("[secret of the credential mine]") == 2
    for key in (MINE, THEIRS):
        assert leaks.columns_with(key) == []


def test_work_that_has_a_key_is_not_merged_whoevers_it_is(shop: Make) -> None:
    session = with_credentials(shop("echo $THE_KEY > ok", interceptor={"agent": {"command": gives("PASS")}})).run()
    assert rounds_of(session)[0].findings == [
        "secret_leaked: the work or its history contains the secret of the credential mine: take it out of both"
    ]


def test_the_proxy_lets_through_where_the_credentials_of_its_agents_are_served(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_command, "decide", lambda *_, **__: Decision(confined=True))
    workspace = a_workspace(sandbox={"network": "proxy"})
    for name in ("used", "unused"):
        credentials.put(workspace.pk, name, {"base_url": f"https://{name}.example/v1"}, by=ANA)
    config = workspace_setup.configure(workspace, {"agents": {"own": {"kind": "codex", "credential": "used"}}}, by=ANA)
    addresses = for_workspace(config, workspace, place="1").addresses
    rules = network.Rules.of(network.for_config(config, *addresses))
    assert [rules.permission(f"{name}.example", 443) for name in ("used", "unused")] == ["anywhere", "refused"]
    open_ = workspace_setup.configure(workspace, {"sandbox": {"network": "open"}}, by=ANA)
    assert for_workspace(open_, workspace, place="1").addresses == ()
