"""Failure codes for messages of providers and CLIs."""

import pytest

from orchestration.facts import failures


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Attempt 1 failed with status 429. Retrying with backoff... _ApiError: {}", "rate_limited"),
        ('[API Error: {"error":{"code":401,"message":"Incorrect key","status":"UNAUTHENTICATED"}}]', "auth"),
        ('[API Error: {"error":{"code":503,"message":"The model is overloaded."}}]', "overloaded"),
        ("Failed to sign in. Message: This client is no longer supported for Gemini Code Assist for individuals.", "auth"),
        ("Qwen OAuth free tier has been discontinued. Run qwen auth to configure.", "auth"),
        ("[API Error: 401 Incorrect API key provided: stub]", "auth"),
        ("[API Error: Connection error. (cause: fetch failed)]", "network"),
        ("litellm.AuthenticationError: AuthenticationError: OpenAIException - no", "auth"),
        ("litellm.RateLimitError: RateLimitError: OpenAIException - wait", "rate_limited"),
        ("litellm.ServiceUnavailableError: ServiceUnavailableError: OpenAIException - x", "overloaded"),
        ("litellm.InternalServerError: InternalServerError: OpenAIException - x", "overloaded"),
        ("litellm.APIConnectionError: x", "network"),
        ("litellm.ContextWindowExceededError: x", "context_full"),
        ("litellm.NotFoundError: OpenAIException - The model `gpt-5.9` does not exist", "unknown_model"),
        ("litellm.BadRequestError: OpenAIException - what?", "bad_request"),
        ("Cannot connect to API: Unable to connect. Is the computer able to access the url?", "network"),
        ("models/gemini-9 is not found for API version v1beta", "unknown_model"),
        ("You exceeded your current quota, please check your plan and billing details.", "quota"),
        ("It exited with code 3", None),
        ("hello", None),
    ],
)
def test_known_texts_have_failure_codes(words: str, code: str | None) -> None:
    assert failures.from_text(words) == code


def test_googles_rate_limit_is_no_exhausted_quota() -> None:
    """Both are worded alike; only the link differs."""
    words = (
        "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
        "head over to: https://ai.google.dev/gemini-api/docs/rate-limits."
    )
    assert failures.from_status(429, words) == "rate_limited"
    assert failures.from_text(f"failed with status 429. {words}") == "rate_limited"


def test_every_name_has_a_next_step() -> None:
    for code, kind in failures.KINDS.items():
        failure = failures.Failure(code, "the message")
        assert failure.kind is kind and failure.sentence == f"{kind.title}: the message. {kind.next_step}."


def test_a_sentence_has_the_beginning_of_a_long_message() -> None:
    failure = failures.Failure("crashed", "m" * 400)
    assert failure.sentence == f"{failure.kind.title}: {'m' * 300}. {failure.kind.next_step}."
