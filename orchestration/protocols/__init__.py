"""The providers' protocols, pure: what a request may cost, the edits of its body, and the count in its answer."""

from orchestration.protocols.anthropic import Anthropic
from orchestration.protocols.chat import Chat
from orchestration.protocols.gemini import Gemini
from orchestration.protocols.responses import Responses
from orchestration.protocols.shared.interface import ProviderProtocol

PROTOCOLS: dict[str, ProviderProtocol] = {protocol.name: protocol for protocol in (Anthropic(), Responses(), Chat(), Gemini())}
KEY_HEADERS = tuple(dict.fromkeys([*(protocol.api.key_header[0] for protocol in PROTOCOLS.values()), "api-key"]))
"""The headers in which a client may have a key; `api-key` is Azure's."""
