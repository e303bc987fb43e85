"""Statistics of earlier requests: the counted input of a conversation, and the usual length of answers. They stay in memory: without them a bound is only
too high."""

import time
from collections import OrderedDict, deque

from budget.models import GatewayRequest
from orchestration.facts.waits import BROKEN, BROKEN_S
from orchestration.protocols.shared import bounds
from orchestration.protocols.shared.bounds import Baseline
from orchestration.protocols.shared.interface import Reading, Request, Usage

SAMPLE = 20
"""Answers of a model from which on their lengths count."""
USUAL_OUTPUT = 4_096
FRESH_S = 60.0
MAX_BYTES_PER_TOKEN, USUAL_BYTES_PER_TOKEN = 10, 4
"""No tokenizer makes fewer tokens than one in ten bytes on average, runs of one character aside."""
BASELINES = 8
"""Baselines of one owner and model: subagents have parallel conversations."""
MAX_CONVERSATIONS = 2_000
SLACK_TOKENS = 500
"""Added to a provider's count before the request, which may differ a little from that in its answer."""
_broken: dict[tuple[str, str], deque[float]] = {}
_baselines: OrderedDict[tuple[str, str], deque[Baseline]] = OrderedDict()
_least: dict[tuple[str, str], tuple[float, int]] = {}


def input_bound(owner: str, asked: Request) -> int:
    """The most input tokens that a request can have."""
    return bounds.input_bound(asked, _baselines.get((owner, asked.model), ()))


def usual_input(body: bytes, most: int) -> int:
    """The usual input tokens of a body, at most its bound: base64 pictures have fewer."""
    return min(len(body) // USUAL_BYTES_PER_TOKEN, most)


def is_known(owner: str, asked: Request) -> bool:
    """True if this owner and model have a baseline."""
    return bool(_baselines.get((owner, asked.model)))


def note(owner: str, asked: Request, reading: Reading) -> None:
    """Keep a final count as a baseline: the next request of its conversation begins with the same parts."""
    if reading.usage is None or not reading.is_final:
        return
    baselines = _baselines.setdefault((owner, asked.model), deque(maxlen=BASELINES))
    baselines.append(bounds.baseline(asked, reading.usage))
    _baselines.move_to_end((owner, asked.model))
    if len(_baselines) > MAX_CONVERSATIONS:
        _baselines.popitem(last=False)


def implausible(usage: Usage, reading: Reading) -> str:
    """The reason against an implausibly low count of output, or "". The input's count is the provider's own."""
    if usage.output * MAX_BYTES_PER_TOKEN >= reading.streamed_bytes:
        return ""
    return f"its provider counted {usage.output} tokens of an answer of {reading.streamed_bytes} bytes"


def least_output(workspace_id: str, model: str) -> int:
    """The lowest output limit that truncates hardly an answer: twice the 99th percentile of this model's answers here."""
    known = _least.get((workspace_id, model))
    if known is not None and time.monotonic() - known[0] < FRESH_S:
        return known[1]
    return USUAL_OUTPUT


def learn_least_output(workspace_id: str, model: str) -> None:
    """Compute it from the newest answers. It runs a statement: not for the event loop."""
    settled = GatewayRequest.objects.filter(hold__project_id=workspace_id, model=model, state=GatewayRequest.State.SETTLED)
    newest = list(settled.filter(output_tokens__gt=0).order_by("-pk").values_list("output_tokens", flat=True)[:500])
    least = USUAL_OUTPUT
    if len(newest) >= SAMPLE:
        least = 2 * sorted(newest)[min(int(len(newest) * 0.99), len(newest) - 1)]
    _least[workspace_id, model] = (time.monotonic(), least)


def note_broken(workspace_id: str, credential: str) -> None:
    """Count an answer that its provider broke off, or ended with an error."""
    _broken.setdefault((workspace_id, credential), deque(maxlen=BROKEN)).append(time.monotonic())


def backoff_s(workspace_id: str, credential: str) -> float:
    """The back-off that is left after BROKEN broken answers, in seconds; else 0."""
    times = _broken.get((workspace_id, credential))
    return max(times[0] + BROKEN_S - time.monotonic(), 0.0) if times is not None and len(times) == BROKEN else 0.0
