"""The gateway's own answers, in the shape of the API that was asked."""

from aiohttp import web

from orchestration.gateway.protocols.interface import ProviderProtocol

NO_MONEY = "There is no money for this request: Muster ends the session and keeps its work"
MARK = "muster_no_money"


def error(protocol: ProviderProtocol | None, status: int, code: str, sentence: str) -> web.Response:
    """`protocol` None: the path is none of any API."""
    if protocol is None:
        return web.json_response({"error": {"type": code, "message": sentence}}, status=status)
    return web.Response(body=protocol.error(status, code, sentence), status=status, content_type="application/json")


def unpaid(protocol: ProviderProtocol, agent: str) -> web.Response:
    """No money is left. Codex repeats a 402, and stops at once when its quota is used up."""
    if agent == "codex":
        return error(protocol, 429, "insufficient_quota", f"{NO_MONEY} ({MARK})")
    return error(protocol, 402, "billing_error", f"{NO_MONEY} ({MARK})")
