"""Error responses of a provider, by Muster's failure codes."""

from typing import Any

ERRORS: dict[str, dict[str, Any]] = {
    "auth": {"status": 401, "type": "invalid_request_error", "code": "invalid_api_key", "message": "Incorrect API key provided"},
    "rate_limited": {"status": 429, "type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "Rate limit reached"},
    "overloaded": {"status": 503, "type": "server_error", "code": "UNAVAILABLE", "message": "The model is overloaded"},
    "bad_request": {"status": 400, "type": "invalid_request_error", "code": "bad", "message": "This request is invalid"},
    "unknown_model": {
        "status": 404,
        "type": "not_found_error",
        "code": "model_not_found",
        "message": "The model `x` does not exist",
    },
    "context_full": {
        "status": 400,
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
        "message": "This model's maximum context length is 128000 tokens.",
    },
}
UNREACHABLE = "http://127.0.0.1:9"  # the discard port, which no server uses


def named(events: list[Any]) -> set[str]:
    """The codes of failures, and of waits (the failure that a wait would become)."""
    return {event.code for event in events if hasattr(event, "code")}
