"""The worst case of a request's input, in tokens, before it is sent.

Tokens are never more than bytes: the providers' tokenizers fall back to single bytes, and every longer token replaces several of them. JSON only
adds to that: an escape is longer than its character, and the frame of a block is longer than the few special tokens that it becomes.

The bytes alone are about four times too many. After a first request of a conversation its exact count is known, so only what is new in the next
one counts by its bytes. The parts of a conversation are compared one by one, not as a prefix of bytes: clients move their cache marks, so the
bytes of the last message change although its tokens do not. Special tokens stand between the parts, so their tokens add up.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from orchestration.protocols.shared.interface import Item, Request, Usage

DIGEST_BYTES = 12
SLACK_TOKENS = 64
"""For what a provider adds to the same parts at another time: a date, an id."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A finished request to the same model: the digests of its parts, one after the other, and its exact input. Any of them gives a bound."""

    digests: bytes
    tokens: int


def baseline(request: Request, usage: Usage) -> Baseline:
    """The record of a finished request, from its final count. Tokens that no part explains may be input. A part that is elsewhere is never known: a large
    picture may be at its address next time. Its count stays in the sum, so that it is reserved twice then."""
    digests = b"".join(item.digest for item in request.items if not item.is_remote)
    return Baseline(digests, usage.all_input + usage.unexplained)


def input_bound(request: Request, baselines: Iterable[Baseline] = ()) -> int:
    """The most input tokens that this request can have, by its bytes or by any request before it. It includes every reading again by searches."""
    by_bytes = request.text_bytes + request.hidden_tokens + request.media_tokens
    by_counts = (each.tokens + _new(request, each) + SLACK_TOKENS for each in baselines)
    once = min([by_bytes, *by_counts])
    return once * (request.searches + 1) + _search_results(request)


def _new(request: Request, each: Baseline) -> int:
    """The bound of the parts that the request before did not have, or had less often."""
    left = Counter(each.digests[at : at + DIGEST_BYTES] for at in range(0, len(each.digests), DIGEST_BYTES))
    return sum(_tokens(item) for item in request.items if not _taken(left, item))


def _taken(left: Counter[bytes], item: Item) -> bool:
    left[item.digest] -= 1
    return left[item.digest] >= 0


def _tokens(item: Item) -> int:
    return item.text_bytes + item.media_tokens + item.hidden_tokens


def _search_results(request: Request) -> int:
    """Results of searches and the text between them, which every later reading has again."""
    uses = request.searches
    return request.search_tokens * uses * (uses + 1) // 2 + uses * (request.output_limit or 0)
