"""A provider that makes more than it is asked for: what is booked, and what is reserved from then on."""

import pytest
from django.test import Client

from budget.amounts import usd
from budget.models import GatewayRequest, Hold, LedgerEntry
from orchestration.gateway import pricing
from orchestration.models import Session
from tests.factories import a_session, a_token, a_workspace, an_entry
from tests.orchestration.gateway.stage import MODEL, STOPS, Provider, Stage, an_access, begins, counts, play, sse, token

pytestmark = pytest.mark.django_db(transaction=True)
PRICE = 15  # micro-USD of a token of its answer


def an_answer(tokens: int) -> Provider:
    return Provider([sse(begins(), counts(tokens), STOPS)])


def asks(provider: Provider, *, times: int = 1, amount: str = "5") -> list[GatewayRequest]:
    access = an_access(amount)

    async def steps(stage: Stage) -> None:
        for _ in range(times):
            assert (await stage.ask(token(access), max_tokens=100))[0] == 200

    play(steps, provider)
    return list(GatewayRequest.objects.order_by("pk"))


def test_what_a_provider_makes_beyond_the_limit_is_booked_and_shown() -> None:
    [row] = asks(an_answer(600))
    cost = 100 * 3 + 600 * PRICE
    assert row.amount == row.bound and row.amount + row.overrun == cost
    assert Hold.objects.get().drawn == sum(LedgerEntry.objects.values_list("amount", flat=True)) == cost
    assert row.reason.startswith("its provider made $0.00") and "more than it was asked for" in row.reason


def test_from_then_on_the_most_that_its_model_makes_is_reserved() -> None:
    first, second = asks(an_answer(600), times=2)
    assert first.bound < 100 * 3 * PRICE
    assert second.bound >= pricing.model_output_limit(MODEL) * PRICE and not second.is_clamped
    assert (second.overrun, second.amount) == (0, 100 * 3 + 600 * PRICE)


def test_another_gateway_knows_it_too() -> None:
    asks(an_answer(600))
    access = Hold.objects.get().accesses.get()

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access)))[0] == 200

    play(steps, an_answer(600))  # with an empty memory
    assert GatewayRequest.objects.latest("pk").overrun == 0


def test_without_the_money_for_that_it_is_refused_and_not_sent_with_a_lower_limit() -> None:
    asks(an_answer(600), amount="0.5")
    access = Hold.objects.get().accesses.get()

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access)))[0] == 402

    play(steps, an_answer(600))


@pytest.mark.parametrize("tokens", [10**6, 10**12])
def test_a_count_that_no_model_can_make_is_disputed_and_not_booked(tokens: int) -> None:
    [row] = asks(an_answer(tokens))
    assert row.amount + row.overrun == 100 * 3 + pricing.model_output_limit(MODEL) * PRICE
    assert "that is disputed, not booked" in row.reason


def test_its_session_and_its_permit_show_it() -> None:
    session = a_session(an_entry(a_workspace(), budget="5"))
    access = an_access(hold=session.hold)

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access), max_tokens=100))[0] == 200

    play(steps, an_answer(600))
    assert "From now on the most that the model makes is reserved" in Session.objects.get().cost_note
    permit = Hold.objects.create(
        project_id=session.workspace_id,
        category="orchestrator",
        session_ref="permit_1234567890abcdef",
        amount=usd("1"),
        expires_at="2099-01-01T00:00Z",
    )
    GatewayRequest.objects.update(session_ref=permit.session_ref)
    url = f"/api/v1/workspaces/{session.workspace_id}/orchestration/budget/permits/{permit.session_ref}/requests"
    answer = Client().get(url, headers={"Authorization": f"Bearer {a_token(session.workspace)}"}).json()
    assert answer["requests"][0]["overrun_usd"] > 0 and answer["booked_usd"] == pytest.approx(0.0093)
