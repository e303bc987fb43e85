"""Slack, by an incoming webhook."""

from typing import Any

from workspaces.notices.kinds.chat_text import cut
from workspaces.notices.kinds.messages import Message, message
from workspaces.notices.kinds.shape import Kind, post


def form(message: Message) -> dict[str, Any]:
    """A message as plain text in blocks; `text` is what a phone shows of it."""
    lines = cut("\n".join(message.lines))
    blocks: list[dict[str, Any]] = [_section(message.title)]
    if lines:
        blocks.append(_section(lines))
    blocks += [_section(words) | {"accessory": _button("Open", url)} for words, url in message.more]
    blocks.append({"type": "actions", "elements": [_button("Open in Muster", message.link)]})
    return {"text": _without_markup(message.title), "blocks": blocks}


def _button(words: str, url: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": words}, "url": url}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _without_markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


KIND = Kind("Slack", lambda delivery, _: post(delivery, form(message(delivery))))
