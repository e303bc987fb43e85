"""Words for requests that wait in the gateway. Pure."""

from collections.abc import Mapping
from typing import Any

from budget.models import GatewayRequest


def awaited(reason: str, credential: str) -> str:
    """The thing that a request waits for, to follow "waits for"."""
    if reason != GatewayRequest.FOR_PROVIDER:
        return "money"
    return f"the limit of credential {credential}" if credential else "its provider's limit"


def brief(reason: str) -> str:
    return "provider" if reason == GatewayRequest.FOR_PROVIDER else "money"


def sentence(numbers: Mapping[str, Any] | None) -> str:
    """`3 requests wait for money, 12 for the limit of credential team`, of numbers by `gateway_requests.waits`; empty: none waits."""
    if not numbers:
        return ""
    credential = numbers["first"] if numbers["first"] == numbers["last"] else ""
    paced = (
        awaited(GatewayRequest.FOR_PROVIDER, credential)
        if credential or numbers["provider"] == 1
        else "the limits of their providers"
    )
    (first, what), *others = (
        (number, what) for number, what in ((numbers["money"], "money"), (numbers["provider"], paced)) if number
    )
    beginning = f"{first} request{'s wait' if first > 1 else ' waits'} for {what}"
    return ", ".join([beginning, *(f"{number} for {what}" for number, what in others)])
