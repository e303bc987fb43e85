"""Knowledge of earlier requests: how much of a body its provider counted before, and how long answers usually are. Kept in memory: without it a bound
is only too high."""

import time
from collections import OrderedDict, deque

from budget.models import GatewayRequest
from orchestration.facts.waits import BROKEN, BROKEN_S
from orchestration.gateway.protocols import bounds
from orchestration.gateway.protocols.bounds import Before
from orchestration.gateway.protocols.interface import Reading, Request, Usage

ENOUGH = 20
"""Answers of a model, before they say how long one may be."""
LEAST_UNKNOWN = 4_096
FRESH_S = 60.0
MOST_BYTES_OF_TOKEN, USUAL_BYTES_OF_TOKEN = 10, 4
"""On average no tokenizer makes fewer tokens of an answer than one in ten bytes, runs of one character aside."""
KEPT = 8
"""Requests of one owner and model: subagents have conversations of their own, side by side."""
MOST_CONVERSATIONS = 2_000
SLACK_TOKENS = 500
"""Beside a provider's own count before the request, which may differ a little from that of its answer."""
_broken: dict[tuple[str, str], deque[float]] = {}
_befores: OrderedDict[tuple[str, str], deque[Before]] = OrderedDict()
_least: dict[tuple[str, str], tuple[float, int]] = {}


def input_bound(owner: str, asked: Request) -> int:
    """The most tokens that the request's input can have."""
    return bounds.input_bound(asked, _befores.get((owner, asked.model), ()))


def usual_input(body: bytes, most: int) -> int:
    """The tokens that the input of a request usually has. `most`: the bound, which is less where the body has pictures."""
    return min(len(body) // USUAL_BYTES_OF_TOKEN, most)


def is_known(owner: str, asked: Request) -> bool:
    """True if a provider has counted a request of this owner and model."""
    return bool(_befores.get((owner, asked.model)))


def note(owner: str, asked: Request, reading: Reading) -> None:
    """Keep what the provider counted of a request: the next one of its conversation begins with the same parts."""
    if reading.usage is None or not reading.is_final:
        return
    befores = _befores.setdefault((owner, asked.model), deque(maxlen=KEPT))
    befores.append(bounds.before(asked, reading.usage))
    _befores.move_to_end((owner, asked.model))
    if len(_befores) > MOST_CONVERSATIONS:
        _befores.popitem(last=False)


def too_little(usage: Usage, reading: Reading) -> str:
    """The reason why a count cannot be true, since more was seen; empty: it may be. Of the input the provider alone knows what it counts."""
    if usage.output * MOST_BYTES_OF_TOKEN >= reading.streamed_bytes:
        return ""
    return f"its provider counted {usage.output} tokens of an answer of {reading.streamed_bytes} bytes"


def least_output(workspace_id: str, model: str) -> int:
    """The lowest output limit that cuts off hardly any answer: twice what 99 of 100 answers of this model used here."""
    known = _least.get((workspace_id, model))
    if known is not None and time.monotonic() - known[0] < FRESH_S:
        return known[1]
    return LEAST_UNKNOWN


def learn_least_output(workspace_id: str, model: str) -> None:
    """Read it from the newest answers. A statement: not for the event loop."""
    settled = GatewayRequest.objects.filter(hold__project_id=workspace_id, model=model, state=GatewayRequest.State.SETTLED)
    newest = list(settled.filter(output_tokens__gt=0).order_by("-pk").values_list("output_tokens", flat=True)[:500])
    least = LEAST_UNKNOWN
    if len(newest) >= ENOUGH:
        least = 2 * sorted(newest)[min(int(len(newest) * 0.99), len(newest) - 1)]
    _least[workspace_id, model] = (time.monotonic(), least)


def note_broken(workspace_id: str, credential: str) -> None:
    """A provider broke an answer off, or ended it with an error."""
    _broken.setdefault((workspace_id, credential), deque(maxlen=BROKEN)).append(time.monotonic())


def rests_for(workspace_id: str, credential: str) -> float:
    """Seconds until its provider may be asked again, where it has just broken off BROKEN answers; else 0."""
    times = _broken.get((workspace_id, credential))
    return max(times[0] + BROKEN_S - time.monotonic(), 0.0) if times is not None and len(times) == BROKEN else 0.0
