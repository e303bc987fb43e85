"""Gateway tokens of permits. The gateway's app registers an opener: budget does not import it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from budget.models import Hold


@dataclass(frozen=True, slots=True)
class GatewayToken:
    """The gateway's URL, and a token in place of a provider's key, with the permit's money and lifetime."""

    url: str
    token: str


Opener = Callable[[Hold, Sequence[str] | None], GatewayToken | str]
_openers: list[Opener] = []


def register_opener(opener: Opener) -> None:
    """Register the idempotent opener. It gets a permit and an allow-list of credentials (None: all), within a transaction, and returns a token or a reason."""
    _openers[:] = [opener]


def open_for(permit: Hold, credentials: Sequence[str] | None) -> GatewayToken | str:
    """The permit's token, or the reason against one. Raises Invalid for an unusable credential."""
    return _openers[0](permit, credentials)
