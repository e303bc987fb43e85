"""Claude Code's telemetry and its stream report the same cost: it counts once, in any order."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.sessions.metering import Usage
from orchestration.worker.agents.claude_code import costs
from orchestration.worker.agents.claude_code.reader import Reader
from orchestration.worker.agents.shared.events import Discrepancy
from tests.orchestration.worker.agents.claude_rows import Clock, read_all, read_row, request, result, stdout_of, streamed
from tests.orchestration.worker.agents.recorded import cost, objects, of_kind
from tests.sampling import examples

BOTH = {"claude-live": 26_081, "claude-live-budget": 282_000, "claude-live-subagent": 45_000}
ALONE = {
    "claude-partial": 56_415,
    "claude": 56_415,
    "claude-max-budget": 282_000,
    "claude-max-turns": 211_500,
    "claude-subagent": 45_000,
}


@pytest.mark.parametrize("name", BOTH)
def test_a_process_costs_what_its_provider_counted(name: str) -> None:
    assert cost(read_all(objects(name))) == BOTH[name]


@pytest.mark.parametrize("name", ALONE)
def test_without_telemetry_the_stream_and_the_sum_cost_the_same(name: str) -> None:
    assert cost(stdout_of(name)) == ALONE[name]


@given(name=st.sampled_from(sorted(BOTH)), data=st.data())
@settings(max_examples=examples(150))
def test_the_order_of_telemetry_and_stream_changes_nothing(name: str, data: st.DataObject) -> None:
    """Also if telemetry arrives after the grace, when Muster has computed the cost itself."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "time", clock)
        telemetry_rows = [row for row in objects(name) if "otlp" in row]
        read = [row for row in objects(name) if "stdout" in row]
        reader, events = Reader(None, "/repo"), []
        while telemetry_rows or read:
            source = data.draw(st.sampled_from([rows for rows in (telemetry_rows, read) if rows]))
            events += read_row(reader, source.pop(0))
            clock.now += data.draw(st.sampled_from([0.0, 0.1, 3.0]))
            events += reader.poll()
        assert cost([*events, *reader.end(0)]) == BOTH[name]


@given(name=st.sampled_from(sorted(BOTH)), kept=st.integers(0, 60))
@settings(max_examples=examples(100))
def test_replaying_a_dead_workers_journal_books_each_amount_once(name: str, kept: int) -> None:
    """Reading all of it again, records first, gives the same sum, whatever was booked before."""
    rows = objects(name)
    reader = Reader(None, "/repo")
    before = [event for row in rows[:kept] for event in read_row(reader, row)]
    again = read_all([row for row in rows if "otlp" in row] + [row for row in rows if "stdout" in row])
    assert cost([*before, *again]) == BOTH[name]


def test_a_killed_process_costs_its_telemetry_plus_the_excess_of_the_stream() -> None:
    """In this recording telemetry lacks the last request; without the result only the stream contains it."""
    rows = [row for row in objects("claude-live-budget") if row.get("stdout", {}).get("type") != "result"]
    assert len(of_kind(Usage, read_all(rows))) == 4
    assert cost(read_all(rows, exit_code=None)) == 282_000


def test_a_request_counts_from_the_stream_only_when_telemetry_is_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(costs, "time", clock)
    reader = Reader(None, "/repo")
    for row in streamed("m1", "r1"):
        assert of_kind(Usage, read_row(reader, row)) == []
    assert list(reader.poll()) == []
    clock.now += 2.1
    assert [(usage.id, usage.cost, usage.output_tokens) for usage in of_kind(Usage, reader.poll())] == [("r1", None, 100)]
    assert list(read_row(reader, request("r1"))) == [], "late telemetry of the same request"


def test_an_excess_of_the_sum_over_the_requests_is_added() -> None:
    events = read_all([request("r1"), result(total_cost_usd=0.0125, modelUsage={"claude-sonnet-4-5": {"costUSD": 0.0125}})])
    assert [(usage.id, usage.cost) for usage in of_kind(Usage, events)] == [("r1", 10_000), ("reconciled:r1", 2_500)]


def test_a_sum_below_the_requests_is_shown_without_a_correction() -> None:
    events = read_all([request("r1"), result(total_cost_usd=0.009)])
    assert cost(events) == 10_000
    assert [discrepancy.amount for discrepancy in of_kind(Discrepancy, events)] == [-1_000]


def test_fractions_of_a_micro_dollar_add_up_to_the_exact_sum() -> None:
    rows = [request(f"r{n}", usd=0.0000005) for n in range(7)]
    assert cost(read_all([*rows, result(total_cost_usd=0.0000035)])) == 4
    assert of_kind(Discrepancy, read_all([*rows, result(total_cost_usd=0.0000035)])) == []


def test_an_unfinished_answer_counts_its_input_and_is_flagged() -> None:
    events = read_all(streamed("m1", "r1") + streamed("m2", None, done=False), exit_code=None)
    assert [(usage.id, usage.input_tokens, usage.output_tokens) for usage in of_kind(Usage, events)] == [
        ("r1", 1000, 100),
        ("m2", 1000, 1),
    ]
    assert of_kind(Discrepancy, events)[0].message.startswith("At least this: of 1 request(s)")


def test_requests_without_ids_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(costs, "time", clock)
    nameless = request("", **{"event.timestamp": "t", "event.sequence": 4})
    for rows in ([*streamed("m1", None), nameless], [nameless, *streamed("m1", None)]):
        assert len(of_kind(Usage, read_all(rows))) == 1
    reader = Reader(None, "/repo")
    early = [event for row in streamed("m1", None) for event in read_row(reader, row)]
    clock.now += 3
    late = [*reader.poll(), *read_row(reader, nameless), *reader.end(0)]
    assert len(of_kind(Usage, [*early, *late])) == 1


def test_muster_prices_models_of_other_providers() -> None:
    """Claude Code prices any unknown model at $5 and $25 per million tokens."""
    rows = [
        request("r1", "glm-9", usd=0.0075),
        result(total_cost_usd=0.0075, modelUsage={"glm-9": {"costUSD": 0.0075, "inputTokens": 1000, "outputTokens": 100}}),
    ]
    assert [(usage.cost, usage.model) for usage in of_kind(Usage, read_all(rows))] == [(None, "glm-9")]


def test_tokens_of_other_models_that_only_the_sum_contains_are_counted() -> None:
    sum_ = result(total_cost_usd=0.01, modelUsage={"glm-9": {"costUSD": 0.01, "inputTokens": 1500, "outputTokens": 100}})
    extra = of_kind(Usage, read_all([request("r1", "glm-9"), sum_]))[1]
    assert (extra.id, extra.cost, extra.input_tokens, extra.output_tokens) == ("reconciled:r1:glm-9", None, 500, 0)


def test_an_unknown_claude_model_costs_its_own_estimate_and_is_flagged() -> None:
    events = read_all([request("r1", "claude-future-9"), result(total_cost_usd=0.01)])
    assert cost(events) == 10_000
    assert "does not know claude-future-9" in of_kind(Discrepancy, events)[0].message


def test_tokens_that_the_cache_keeps_for_an_hour_cost_as_much() -> None:
    """The same true output, with a cache that lives for an hour, and before its sum: the bill has $6 in place of $3.75 per million tokens."""
    lines = [json.loads(json.dumps(row)) for row in objects("claude-partial") if row.get("type") == "stream_event"]
    written = 0
    for row in lines:
        message = row["event"].get("message") or {}
        if kept := (message.get("usage") or {}).get("cache_creation"):
            kept["ephemeral_1h_input_tokens"], kept["ephemeral_5m_input_tokens"] = kept["ephemeral_5m_input_tokens"], 0
            written += kept["ephemeral_1h_input_tokens"]
    assert written > 0
    five_minutes = cost(read_all([{"stdout": row} for row in objects("claude-partial") if row.get("type") == "stream_event"]))
    assert cost(read_all([{"stdout": row} for row in lines])) == five_minutes + written * 2.25


def begun(message: str, request_id: str | None = None, **usage: Any) -> list[dict[str, Any]]:
    """A streamed answer whose usage has these fields from its beginning."""
    rows = streamed(message, request_id)
    rows[0]["stdout"]["event"]["message"]["usage"] |= usage
    return rows


@pytest.mark.parametrize(
    ("fields", "context"),
    [
        ({"service_tier": "batch"}, {"service_tier": "batch", "processing": "batch"}),
        ({"service_tier": "priority", "speed": "fast"}, {"speed": "fast", "service_tier": "priority"}),
        ({"service_tier": "", "speed": 2}, {}),
        ({"speed": "s" * 50}, {"speed": "s" * 40}),
    ],
)
def test_a_request_is_priced_as_it_was_served(fields: dict[str, Any], context: dict[str, str]) -> None:
    [usage] = of_kind(Usage, read_all(begun("m1", "r1", **fields)))
    assert dict(usage.context) == context


def test_the_usage_at_the_end_of_an_answer_replaces_that_of_its_beginning() -> None:
    rows = begun("m1", "r1", speed="fast", cache_creation_input_tokens=9, cache_creation={"ephemeral_1h_input_tokens": 4})
    rows[-1]["stdout"]["event"]["usage"] |= {"speed": "standard", "cache_creation": {"ephemeral_1h_input_tokens": 5}}
    [usage] = of_kind(Usage, read_all(rows))
    assert (dict(usage.context), usage.cache_write_tokens, usage.cache_write_1h_tokens) == ({"speed": "standard"}, 9, 5)
    [usage] = of_kind(Usage, read_all(begun("m1", "r1", speed="fast", cache_creation={"ephemeral_1h_input_tokens": 4})))
    assert (dict(usage.context), usage.cache_write_1h_tokens) == ({"speed": "fast"}, 0), "a part is never more than the whole"


def test_telemetry_takes_from_the_stream_of_its_request_what_the_cache_keeps_for_an_hour() -> None:
    kept = {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 7}}
    rows = [*begun("m1", "r1", **kept), request("r1", cache_creation_tokens=9), request("r2", cache_creation_tokens=9)]
    assert [usage.cache_write_1h_tokens for usage in of_kind(Usage, read_all(rows))] == [7, 0]
    assert (
        of_kind(Usage, read_all([*begun("m1", "r1", **kept), request("r1", cache_creation_tokens=5)]))[0].cache_write_1h_tokens
        == 5
    )


def test_newer_telemetry_itself_reports_what_the_cache_keeps_for_an_hour() -> None:
    """Subagents do not stream."""
    [usage] = of_kind(Usage, read_all([request("r1", cache_creation_tokens=9, cache_creation_1h_tokens=4)]))
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (9, 4)


def test_a_request_without_a_price_is_left_to_the_sum_which_contains_it() -> None:
    unknown = streamed("m1", "r1", model="claude-future-9")
    sum_ = result(total_cost_usd=0.01, modelUsage={"claude-future-9": {"costUSD": 0.01}})
    assert [(usage.id, usage.cost) for usage in of_kind(Usage, read_all([*unknown, sum_]))] == [("reconciled:r1", 10_000)]
    assert [(usage.id, usage.cost) for usage in of_kind(Usage, read_all(unknown))] == [("r1", None)]
    sum_ = result(total_cost_usd=0.01, modelUsage={"glm-9": {"costUSD": 0.01, "inputTokens": 1000, "outputTokens": 100}})
    other = of_kind(Usage, read_all([*streamed("m1", "r1", model="glm-9"), sum_]))
    assert [(usage.id, usage.cost, usage.input_tokens) for usage in other] == [("r1", None, 1000)]


def test_a_request_without_a_price_waits_for_the_sum_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(costs, "time", clock)
    reader = Reader(None, "/repo")
    for row in streamed("m1", "r1", model="claude-future-9"):
        list(read_row(reader, row))
    clock.now += 100
    assert list(reader.poll()) == []


NAMELESS = request("", **{"event.timestamp": "t", "event.sequence": 4})


def test_a_record_without_an_id_stands_for_one_request_of_equal_tokens() -> None:
    both = [*streamed("m1", None), *streamed("m2", None)]
    assert [usage.id for usage in of_kind(Usage, read_all([*both, NAMELESS]))] == ["t:4", "m2"]
    other = request("", **{"event.timestamp": "t", "event.sequence": 5})
    assert [usage.id for usage in of_kind(Usage, read_all([*both, NAMELESS, other]))] == ["t:4", "t:5"]
    named = [*streamed("m1", "r1"), *streamed("m2", None), request("r1")]
    assert [usage.id for usage in of_kind(Usage, read_all(named))] == ["r1", "m2"], "the record is of the named one"
    another = request("", output_tokens=99, **{"event.timestamp": "t", "event.sequence": 4})
    assert [usage.id for usage in of_kind(Usage, read_all([*streamed("m1", None), another]))] == ["t:4", "m1"]


def test_a_record_that_comes_twice_is_booked_once() -> None:
    assert [usage.id for usage in of_kind(Usage, read_all([request("r1"), request("r1", usd=0.02), NAMELESS, NAMELESS]))] == [
        "r1",
        "t:4",
    ]


def test_the_amounts_of_the_records_are_whole_and_their_sum_is_exact() -> None:
    rows = [request(f"r{n}", usd=0.0000005) for n in range(7)]
    used = of_kind(Usage, read_all([*rows, result(total_cost_usd=0.0000035)]))
    assert [usage.id for usage in used] == [f"r{n}" for n in range(7)] and sum(usage.cost or 0 for usage in used) == 4


def test_an_unfinished_answer_is_billed_though_the_sum_does_not_have_it() -> None:
    rows = [*streamed("m1", "r1"), *streamed("m2", None, done=False), request("r1"), result(total_cost_usd=0.01)]
    events = read_all(rows)
    assert [(usage.id, usage.input_tokens) for usage in of_kind(Usage, events)] == [("r1", 1000), ("m2", 1000)]
    assert len(of_kind(Discrepancy, events)) == 1


def test_the_sum_has_models_of_several_makers() -> None:
    """Its guesses for others are taken off; what is missing of Anthropic's is of an Anthropic model; tokens seen in the stream count."""
    tokens = {"inputTokens": 2000, "outputTokens": 200}
    models = {
        "glm-9": {"costUSD": 0.02, **tokens},
        "qwen-9": {"costUSD": 0.005, "inputTokens": 1, "cacheReadInputTokens": 2, "cacheCreationInputTokens": 3},
        "claude-sonnet-4-5": {"costUSD": 0.0125},
    }
    rows = [
        *streamed("m1", "r1", model="glm-9"),
        *streamed("m2", "r2", model="glm-9"),
        request("r3"),
        result(total_cost_usd=0.0375, modelUsage=models),
    ]
    events = read_all(rows)
    assert [
        (usage.id, usage.cost, usage.model, usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
        for usage in of_kind(Usage, events)
    ] == [
        ("r3", 10_000, "claude-sonnet-4-5", 1000, 0, 0),
        ("r1", None, "glm-9", 1000, 0, 0),
        ("r2", None, "glm-9", 1000, 0, 0),
        ("reconciled:r1:qwen-9", None, "qwen-9", 1, 2, 3),
        ("reconciled:r1", 2_500, "claude-sonnet-4-5", 0, 0, 0),
    ]
    assert of_kind(Discrepancy, events) == []
