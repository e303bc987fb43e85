"""The way out of a sandbox with `network: proxy`.

proxy  the proxy of one process
rules  which hosts it lets through; pure
hosts  the hosts that a workspace needs: providers, Muster, its own list
unguarded  a warning where Muster's own servers ask for no password
"""

from collections.abc import Iterable

from orchestration.configuration import Config
from orchestration.sessions.sandbox.network.hosts import for_config
from orchestration.sessions.sandbox.network.proxy import Proxy, Refusals
from orchestration.sessions.sandbox.network.rules import Rules
from orchestration.sessions.sandbox.network.unguarded import warning_of_unguarded

__all__ = ["Proxy", "Refusals", "Rules", "for_config", "warning_of_unguarded", "way_out"]


def way_out(config: Config, addresses: Iterable[str], refusals: Refusals) -> Proxy | None:
    """The proxy of one process, if the workspace asks for one. `addresses`: where it reports its usage, and those of credentials."""
    return Proxy(Rules.of(for_config(config, *addresses)), refusals) if config.sandbox.network == "proxy" else None
