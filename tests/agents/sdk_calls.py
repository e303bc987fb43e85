"""Requests by the providers' Python SDKs, run by the interpreter of their environment. One JSON line for each: its SDK, its text or its error."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import errors, types

ADDRESS, ACTIONS = sys.argv[1], dict(argument.split("=", 1) for argument in sys.argv[2:])
"""ACTIONS: by name, with its token."""
PROMPT = "Say hello."
Call = Callable[[], str]


def calls(token: str) -> Iterator[tuple[str, Call]]:
    claude = anthropic.Anthropic(base_url=ADDRESS, api_key=token)
    gpt = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key=token)
    gemini = genai.Client(api_key=token, http_options=types.HttpOptions(base_url=ADDRESS))
    message: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": [{"role": "user", "content": PROMPT}]}
    response: dict[str, Any] = {"model": "gpt-5", "max_output_tokens": 500, "input": PROMPT}
    chat: dict[str, Any] = {"model": "gpt-5", "max_completion_tokens": 500, "messages": [{"role": "user", "content": PROMPT}]}
    content: dict[str, Any] = {"model": "gemini-2.5-pro", "contents": PROMPT, "config": {"max_output_tokens": 500}}

    def streamed_message() -> str:
        with claude.messages.stream(**message) as stream:
            return str(stream.get_final_text())

    def streamed_response() -> str:
        events = gpt.responses.create(**response, stream=True)
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")

    def streamed_chat() -> str:
        parts = gpt.chat.completions.create(**chat, stream=True)
        return "".join(part.choices[0].delta.content or "" for part in parts if part.choices)

    yield "anthropic", lambda: str(claude.messages.create(**message).content[0].text)
    yield "anthropic", streamed_message
    yield "responses", lambda: str(gpt.responses.create(**response).output_text)
    yield "responses", streamed_response
    yield "chat", lambda: str(gpt.chat.completions.create(**chat).choices[0].message.content)
    yield "chat", streamed_chat
    yield "gemini", lambda: str(gemini.models.generate_content(**content).text)
    yield "gemini", lambda: "".join(part.text or "" for part in gemini.models.generate_content_stream(**content))


for action, token in ACTIONS.items():
    for api, call in calls(token):
        line: dict[str, Any] = {"action": action, "api": api}
        try:
            line["text"] = call()
        except (anthropic.APIStatusError, openai.APIStatusError) as error:
            line |= {"error": type(error).__name__, "status": error.status_code, "message": str(error)}
        except errors.APIError as error:
            line |= {"error": type(error).__name__, "status": error.code, "message": str(error)}
        print(json.dumps(line), flush=True)
