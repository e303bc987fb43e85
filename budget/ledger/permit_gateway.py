"""Permits with a token for the gateway. The app that has the gateway registers an opener, so budget does not import it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from budget.models import Hold


@dataclass(frozen=True, slots=True)
class GatewayToken:
    """The address of the gateway, and what its clients show in place of a provider's key: it sends on the permit's money, and ends with it."""

    url: str
    token: str


Opener = Callable[[Hold, Sequence[str] | None], GatewayToken | str]
_openers: list[Opener] = []


def register_opener(opener: Opener) -> None:
    """`opener(permit, credentials)`, inside a transaction: the same token again for the same permit. `credentials`: the names of the keys that its
    requests may get; None: all. Where there is no token, the reason is returned, as a sentence."""
    _openers[:] = [opener]


def open_for(permit: Hold, credentials: Sequence[str] | None) -> GatewayToken | str:
    """The token, or the reason why there is none. Raises Invalid for a credential that cannot be used."""
    return _openers[0](permit, credentials)
