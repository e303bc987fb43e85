"""The way out of a sandbox with `network: proxy`.

proxy  the proxy of one process
rules  which hosts it lets through; pure
hosts  the hosts that a workspace needs: providers, Muster, its own list
unguarded  a warning where Muster's own servers ask for no password
"""

from orchestration.sessions.sandbox.network.hosts import for_config, for_served
from orchestration.sessions.sandbox.network.proxy import Proxy, Refusals
from orchestration.sessions.sandbox.network.rules import Rules, is_loopback
from orchestration.sessions.sandbox.network.unguarded import warning_of_unguarded

__all__ = ["Proxy", "Refusals", "Rules", "for_config", "for_served", "is_loopback", "warning_of_unguarded"]
