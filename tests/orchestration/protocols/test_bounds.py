"""The worst case of a request's input: never too low, and close after the first request of a conversation."""

import json
from dataclasses import replace
from typing import Any

import pytest

from orchestration.protocols import PROTOCOLS
from orchestration.protocols.anthropic import Anthropic
from orchestration.protocols.shared import bounds
from orchestration.protocols.shared.interface import Item, Request, Route, Usage

SYSTEM = "You are a coding agent. " * 1_500
FIRST = [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}]
TURN = [
    {"role": "assistant", "content": [{"type": "text", "text": "I look."}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "hello"}]},
]


def asked(messages: list[Any], **members: Any) -> Request:
    body = {"model": "claude-x", "max_tokens": 100, "system": SYSTEM, "tools": [{"name": "Bash"}], "messages": messages} | members
    return Anthropic().read(Route("generate"), json.dumps(body).encode(), {})


def test_the_first_request_is_bounded_by_its_bytes() -> None:
    request = asked(FIRST)
    assert bounds.input_bound(request) == request.text_bytes + request.hidden_tokens == request.text_bytes + 2_000


def test_after_it_only_what_is_new_counts_by_its_bytes() -> None:
    first, second = asked(FIRST), asked([{"role": "user", "content": "hi"}, *TURN])
    exact = first.text_bytes // 3 + 500
    bound = bounds.input_bound(second, [bounds.baseline(first, Usage(input=10, cache_write=exact - 10))])
    new = sum(len(json.dumps(part, separators=(",", ":"))) + 16 for message in TURN for part in message["content"])  # type: ignore[union-attr]
    assert bound == exact + new + bounds.SLACK_TOKENS


def test_a_count_that_is_too_high_gives_no_bound_above_the_bytes() -> None:
    first = asked(FIRST)
    assert bounds.input_bound(first, [bounds.baseline(first, Usage(input=10**9))]) == bounds.input_bound(first)


def test_the_best_of_several_requests_before_counts() -> None:
    first, other = asked(FIRST), asked([{"role": "user", "content": "x" * 9_000}], system="other")
    exact = bounds.baseline(first, Usage(input=first.text_bytes // 2))
    unrelated = bounds.baseline(other, Usage(input=5_000))
    assert bounds.input_bound(first, [unrelated, exact]) == bounds.input_bound(first, [exact])
    assert bounds.input_bound(first, [unrelated]) <= bounds.input_bound(first)


def test_a_part_that_comes_twice_is_new_the_second_time() -> None:
    once = asked([{"role": "user", "content": "x" * 999}])
    twice = asked([{"role": "user", "content": ["x" * 999, "x" * 999]}])
    exact = Usage(input=once.text_bytes // 2)
    before = bounds.baseline(once, exact)
    assert bounds.input_bound(twice, [before]) - bounds.input_bound(once, [before]) > 999


def test_new_tools_bring_their_hidden_prompt() -> None:
    without, with_ = asked(FIRST, tools=[]), asked(FIRST)
    before = bounds.baseline(without, Usage(input=without.text_bytes // 2))
    assert bounds.input_bound(with_, [before]) > bounds.input_bound(without, [before]) + 2_000


def test_tokens_that_no_part_explains_count_as_input() -> None:
    first = asked(FIRST)
    assert bounds.baseline(first, Usage(input=5, cache_read=7, cache_write_1h=11, unexplained=13)).tokens == 36


def test_media_of_a_new_part_count_by_their_tokens() -> None:
    item = Item(b"0" * 12, 100, media_tokens=4_000)
    request = Request("m", False, text_bytes=300, media_tokens=4_000, items=(item,))
    assert bounds.input_bound(request, [bounds.Baseline(b"", 50)]) == 50 + 4_100 + bounds.SLACK_TOKENS
    assert bounds.input_bound(request, [bounds.Baseline(b"0" * 12, 50)]) == 50 + bounds.SLACK_TOKENS


def test_each_search_reads_the_input_again_and_its_results_as_often() -> None:
    request = replace(asked(FIRST), searches=2, search_tokens=1_000)
    once = bounds.input_bound(asked(FIRST))
    assert bounds.input_bound(request) == 3 * once + (1_000 + 2 * 1_000) + 2 * 100


LINK = "https://agent.example/picture.png"
ELSEWHERE = [
    ("anthropic", {"type": "image", "source": {"type": "url", "url": LINK}}),
    ("anthropic", {"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
    ("anthropic", {"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": LINK}}]}),
    ("openai_chat", {"type": "image_url", "image_url": {"url": LINK}}),
    ("openai_chat", {"type": "image_url", "image_url": LINK}),
    ("openai_chat", {"type": "image", "image": LINK}),
    ("openai_responses", {"type": "input_image", "image_url": LINK}),
    ("openai_responses", {"type": "input_image", "file_id": "file_1"}),
    ("openai_responses", {"type": "computer_call_output", "output": {"type": "computer_screenshot", "file_id": "file_1"}}),
]


@pytest.mark.parametrize(("api", "part"), ELSEWHERE)
def test_a_picture_elsewhere_is_never_known(api: str, part: dict[str, Any]) -> None:
    """A small picture was at the address, and a large one is there now."""
    is_item = "output" in part
    messages = [part] if is_item else [{"role": "user", "content": [part] * 50}]
    body = {"model": "m", "input" if api == "openai_responses" else "messages": messages}
    request = PROTOCOLS[api].read(Route("generate"), json.dumps(body).encode(), {})
    small = bounds.baseline(request, Usage(input=60 * 50))
    assert bounds.input_bound(request, [small]) >= request.media_tokens >= (1 if is_item else 50) * 5_000
