"""The providers' protocols, pure: what a request may cost, the edits of its body, and the count in its answer."""

from orchestration.gateway.protocols.anthropic import Anthropic
from orchestration.gateway.protocols.chat import Chat
from orchestration.gateway.protocols.gemini import Gemini
from orchestration.gateway.protocols.interface import ProviderProtocol
from orchestration.gateway.protocols.responses import Responses

PROTOCOLS: dict[str, ProviderProtocol] = {protocol.name: protocol for protocol in (Anthropic(), Responses(), Chat(), Gemini())}
