"""A provider that refuses: the entry waits first, then its agent, and a session that is answered ends that."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration import configuration, sessions
from orchestration.configuration import agent_states, circuit_breaker
from orchestration.configuration.provider_trouble import Trouble
from orchestration.models import Entry, Executor, ProviderBreaker, Session
from tests.factories import ANA, a_session, a_workspace, an_entry
from workspaces.errors import NotFound
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


AGENTS = {"agent": {"command": "true"}, "agents": {"other": {"command": "false"}}}


def refused(shop: Workspace, cause: str = "provider", code: str = "rate_limited", **more: Any) -> Entry:
    """A session of an entry of its own that its provider refused."""
    session = a_session(an_entry(shop))
    Session.objects.filter(pk=session.pk).update(**{"credential": "command default", "model_family": "usual", **more})
    trouble = Trouble(code, "Too many requests", cause)  # type: ignore[arg-type]
    sessions.conclude(session, sessions.Ending(Session.Outcome.UNAVAILABLE, "Too many requests", trouble=trouble))
    return Entry.objects.get(pk=session.entry_id)


def state(shop: Workspace) -> ProviderBreaker:
    """Its only circuit breaker; one that counts nothing where there is none."""
    return ProviderBreaker.objects.filter(workspace=shop).first() or ProviderBreaker(workspace=shop)


def unavailable(shop: Workspace, entry: Entry, trouble: Trouble) -> None:
    session = Session(workspace=shop, entry=entry, credential="command default", model_family="usual")
    circuit_breaker.provider_unavailable(Executor.objects.get(pk=shop.pk), session, trouble)


def answered(shop: Workspace, **more: Any) -> None:
    session = Session(workspace=shop, **{"credential": "command default", "model_family": "usual", **more})
    circuit_breaker.provider_responded(session, "")


def test_two_refusals_make_their_entries_wait_and_the_third_the_agent() -> None:
    shop = a_workspace()
    for count in (1, 2):
        entry = refused(shop)
        assert (entry.status, entry.not_before is None, state(shop).code, state(shop).count) == ("pending", False, "", count)
    refused(shop)
    assert (state(shop).code, state(shop).count) == ("rate_limited", 3)
    assert state(shop).until is not None


def test_a_refusal_with_a_time_makes_the_agent_wait_at_once() -> None:
    shop = a_workspace()
    unavailable(shop, an_entry(shop), Trouble("rate_limited", "Until later", "provider", time.time() + 3600))
    assert state(shop).code == "rate_limited"


def test_a_fault_of_the_setup_stops_the_agent_at_once() -> None:
    shop = a_workspace()
    assert refused(shop, "setup").not_before is None
    assert state(shop).code == "rate_limited"


def test_an_agent_with_a_fallback_waits_from_its_first_refusal_on_and_its_entry_does_not() -> None:
    shop = a_workspace()
    config = {"agent": {"command": "true", "fallback": ["other"]}, "agents": AGENTS["agents"]}
    Executor.objects.filter(pk=shop.pk).update(config=config)
    assert refused(shop).not_before is None
    assert (state(shop).code, state(shop).credential) == ("rate_limited", "command default")


@pytest.mark.parametrize(
    ("code", "closed"),
    [
        ("rate_limited", ("KEY", "sonnet")),
        ("overloaded", ("KEY", "sonnet")),
        ("unknown_model", ("KEY", "sonnet")),
        ("auth", ("KEY", "")),
        ("quota", ("KEY", "")),
        ("network", ("KEY", "")),
        ("cli_missing", ("program of Any command", "")),
    ],
)
def test_a_limit_closes_a_credential_for_a_family_of_models_and_a_refused_key_for_all(code: str, closed: tuple[str, str]) -> None:
    shop = a_workspace()
    refused(shop, "setup", code, credential="KEY", model_family="sonnet")
    assert (state(shop).credential, state(shop).family) == closed


def test_an_answer_closes_it_and_the_count_starts_again() -> None:
    shop = a_workspace()
    for _ in range(3):
        refused(shop)
    answered(shop, credential="another")
    answered(shop, model_family="another")
    assert state(shop).count == 3
    answered(shop)
    assert (state(shop).code, state(shop).count, state(shop).until) == ("", 0, None)
    refused(shop)
    assert state(shop).code == ""


@pytest.mark.parametrize(("asked", "least", "most"), [(None, 4, 6), (2.0, 4, 6), (100.0, 95, 101), (10**6, 691_000, 691_201)])
def test_the_providers_own_wish_is_kept_up_to_eight_days(asked: float | None, least: float, most: float) -> None:
    trouble = Trouble("rate_limited", "Wait", "provider", None if asked is None else time.time() + asked)
    assert least < circuit_breaker._pause(trouble, 1).total_seconds() < most


@pytest.mark.parametrize(("times", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (8, 300), (10**6, 300)])
def test_each_refusal_in_a_row_doubles_the_wait_up_to_five_minutes(times: int, seconds: float) -> None:
    assert circuit_breaker.wait_s(times) == seconds


def is_after(seconds: float, moment: Any, *, began: Any) -> bool:
    """True if the moment was so many seconds away at some time between `began` and now, to a tenth of a second of the database's clock."""
    least, most = (moment - now()).total_seconds(), (moment - began).total_seconds()
    return bool(least <= seconds + 0.1 and most >= seconds - 0.1)


def test_a_late_answer_to_a_session_from_before_the_refusal_ends_no_wait() -> None:
    shop = a_workspace()
    at_work = a_session(an_entry(shop))
    Session.objects.filter(pk=at_work.pk).update(credential="command default", model_family="usual")
    at_work.refresh_from_db()
    refused(shop, "setup")
    circuit_breaker.provider_responded(at_work, "")
    assert state(shop).code == "rate_limited"
    ProviderBreaker.objects.update(until=now())
    circuit_breaker.provider_responded(at_work, "")
    assert state(shop).code == "", "its wait is over: an answer now is no older than that"


def test_a_refusal_that_ends_late_shortens_no_known_wait() -> None:
    shop = a_workspace()
    for reset_in, message in ((3600.0, "For an hour"), (60.0, "For a minute"), (None, "Busy")):
        retry_at = time.time() + reset_in if reset_in else None
        unavailable(shop, an_entry(shop), Trouble("rate_limited", message, "setup", retry_at))
        until = state(shop).until
        assert until and until > now() + timedelta(minutes=59) and state(shop).message == "For an hour"


def test_sessions_that_meet_one_refusal_together_are_one_of_a_row() -> None:
    shop = a_workspace(**AGENTS | {"agent": {"command": "true", "fallback": ["other"]}}, max_workers=9)
    at_work = [a_session(an_entry(shop)) for _ in range(4)]
    for session in at_work:
        trouble = Trouble("overloaded", "Busy", "provider")
        sessions.conclude(session, sessions.Ending(Session.Outcome.UNAVAILABLE, "Busy", trouble=trouble))
    assert state(shop).count == 1
    ProviderBreaker.objects.update(until=now())
    refused(shop, code="overloaded")
    assert state(shop).count == 2


def test_an_entry_waits_for_its_own_refusals_and_its_agent_from_the_third_on() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    trouble = Trouble("overloaded", "m" * 600, "provider")
    entry, apart = an_entry(shop), an_entry(shop)
    for waits, agent_waits in ((10, None), (20, None), (40, 5), (80, 10)):
        Entry.objects.filter(pk=entry.pk).update(provider_waits={10: 1, 20: 2, 40: 3, 80: 4}[waits])
        began = now()
        unavailable(shop, entry, trouble)
        entry.refresh_from_db()
        assert is_after(waits, entry.not_before, began=began)
        until = state(shop).until
        assert until is None if agent_waits is None else is_after(agent_waits, until, began=began)
    assert state(shop).message == "m" * 500 and state(other).count == 0
    assert Entry.objects.get(pk=apart.pk).not_before is None
    assert Event.objects.filter(workspace=shop, verb="agent.unavailable").count() == 1


def test_the_trouble_begins_with_its_first_refusal() -> None:
    shop = a_workspace()
    long_ago = now() - timedelta(hours=1)
    unavailable(shop, an_entry(shop), Trouble("auth", "No", "setup"))
    ProviderBreaker.objects.update(since=long_ago)
    began = now()
    unavailable(shop, an_entry(shop), Trouble("auth", "No", "setup"))
    assert state(shop).since == long_ago and state(shop).count == 2
    assert is_after(600, state(shop).until, began=began), "a person mends a key, and says so"


def test_a_refused_key_waits_for_the_time_that_its_provider_names() -> None:
    shop, began = a_workspace(), now()
    unavailable(shop, an_entry(shop), Trouble("quota", "No", "setup", time.time() + 60))
    assert is_after(60, state(shop).until, began=began)


def troubled(shop: Workspace, credential: str = "command default") -> Entry:
    until = now() + timedelta(hours=1)
    ProviderBreaker.objects.create(
        workspace=shop, credential=credential, family="usual", code="auth", message="No", count=3, until=until
    )
    entry = an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(not_before=until)
    return entry


@pytest.mark.parametrize("how", ["recovered", "try again", "responded"])
def test_what_ends_a_trouble_ends_it_in_its_workspace_alone(how: str) -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    entry, theirs, began = troubled(shop), troubled(other), now()
    there = state(other).until
    if how == "recovered":
        circuit_breaker.half_open(shop.pk)
        assert state(shop).code == "auth" and is_after(0, state(shop).until, began=began)
    elif how == "try again":
        circuit_breaker.try_again(shop.pk, by=ANA)
        assert Event.objects.get(verb="agent.retry").data["code"] == "auth"
    else:
        answered(shop)
        assert Event.objects.get(verb="agent.available").workspace == shop
    if how != "recovered":
        assert (state(shop).code, state(shop).message, state(shop).count) == ("", "", 0)
    entry.refresh_from_db()
    theirs.refresh_from_db()
    assert (entry.not_before is None) is (how != "responded")
    assert theirs.not_before is not None and state(other).code == "auth"
    assert state(other).until == there


def test_a_refused_reviewer_closes_the_named_agent_that_it_is() -> None:
    shop = a_workspace(agents={"mine": {"command": "true"}}, verifier={"agent": "mine"})
    executor = Executor.objects.get(pk=shop.pk)
    session = Session(workspace=shop, entry=an_entry(shop), credential="command default", model_family="usual")
    circuit_breaker.provider_unavailable(executor, session, Trouble("auth", "No.", "setup", of="verifier"))
    assert (state(shop).credential, state(shop).family) == ("command mine", "")
    states = agent_states.of_executor(executor)
    assert [each.name for each in states.unavailable] == ["mine", "verifier"] and states.standstill == state(shop)
    circuit_breaker.provider_responded(session, "verifier")
    assert not ProviderBreaker.objects.exists()


def test_a_run_of_a_named_agent_waits_for_its_circuit_breaker() -> None:
    shop = a_workspace(agents={"mine": {"command": "true"}}, planner={"agent": "mine"})
    executor, run = Executor.objects.get(pk=shop.pk), Session(workspace=shop, role=Session.Role.PLAN)
    config = configuration.load(executor.config)
    assert circuit_breaker.access_of(run, config, "")[1].credential == "command mine"
    assert config.planner and not agent_states.is_unavailable(executor, config.planner, "plan")
    ProviderBreaker.objects.create(workspace=shop, credential="command mine", family="", code="auth")
    assert agent_states.is_unavailable(executor, config.planner, "plan")


def test_a_person_tries_one_credential_again_and_the_others_stay_closed() -> None:
    shop = a_workspace()
    troubled(shop)
    troubled(shop, "KEY")
    circuit_breaker.try_again(shop.pk, by=ANA, credential="KEY")
    assert [row.credential for row in circuit_breaker.breakers(shop.pk) if row.code] == ["command default"]
    with pytest.raises(NotFound, match="No agent waits for KEY"):
        circuit_breaker.try_again(shop.pk, by=ANA, credential="KEY")


def test_the_gateways_refusal_opens_it_once_for_all_who_meet_it() -> None:
    shop, began = a_workspace(), now()
    access = circuit_breaker.process_access(shop.pk, a_session(an_entry(shop)).pk, "implement", "KEY", "gpt-5")
    for _ in range(3):
        circuit_breaker.refused_at_gateway(shop.pk, access, "quota", "No credit", None)
    assert (state(shop).code, state(shop).family) == ("quota", "") and is_after(3600, state(shop).until, began=began)
    assert Event.objects.filter(verb="agent.unavailable").count() == 1


@pytest.mark.parametrize(("shut", "is_free"), [([], True), (["command spare"], False), (["command default"], True)])
def test_a_fallback_is_free_while_its_own_breaker_is_closed(shut: list[str], is_free: bool) -> None:
    shop = a_workspace(agent={"command": "true", "fallback": ["spare"]}, agents={"spare": {"command": "false"}})
    for credential in shut:
        ProviderBreaker.objects.create(workspace=shop, credential=credential, family="", code="auth")
    assert circuit_breaker.has_free_fallback(a_session(an_entry(shop))) is is_free


def test_a_provider_that_answers_ends_a_count_without_an_event() -> None:
    shop = a_workspace()
    ProviderBreaker.objects.create(workspace=shop, credential="command default", family="usual", count=1)
    answered(shop)
    assert state(shop).count == 0 and not Event.objects.filter(verb="agent.available").exists()
