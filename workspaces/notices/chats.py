"""A notice as a message for Slack, Discord or Teams, in the form that their incoming webhooks take. What agents and people wrote is plain text there:
no link, no markup and no mention of anybody comes from it. Pure.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workspaces.models import Channel

MAX_CHARS = 1500
DISCORD_MAX = 2000
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>@<&])")


@dataclass(frozen=True)
class Message:
    """`title`: what happened, and where. `lines`: what it is about, and why. `link`: the page with more. `more`: words and URLs of others."""

    title: str
    lines: tuple[str, ...]
    link: str
    more: tuple[tuple[str, str], ...] = ()


def slack(message: Message) -> dict[str, Any]:
    """A message as plain text in blocks; `text` is what a phone shows of it."""
    lines = _cut("\n".join(message.lines))
    blocks: list[dict[str, Any]] = [_section(message.title)]
    if lines:
        blocks.append(_section(lines))
    blocks += [_section(words) | {"accessory": _button("Open", url)} for words, url in message.more]
    blocks.append({"type": "actions", "elements": [_button("Open in Muster", message.link)]})
    return {"text": _without_markup_of_slack(message.title), "blocks": blocks}


def _button(words: str, url: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": words}, "url": url}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _without_markup_of_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def discord(message: Message) -> dict[str, Any]:
    more = [f"{_escaped(words)} <{url}>" for words, url in message.more]
    parts = [f"**{_escaped(message.title)}**", *map(_escaped, map(_cut, message.lines)), f"<{message.link}>"]
    while more and len("\n".join([*parts, *more])) > DISCORD_MAX:
        more.pop()
    return {"content": "\n".join([*parts, *more])[:DISCORD_MAX], "allowed_mentions": {"parse": []}, "flags": 1 << 2}


def teams(message: Message) -> dict[str, Any]:
    """An adaptive card, as a workflow takes it."""
    blocks = [{"type": "TextBlock", "text": _escaped(message.title), "weight": "Bolder", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": _escaped(_cut(line)), "wrap": True} for line in message.lines]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "actions": [
            {"type": "Action.OpenUrl", "title": _cut(words), "url": url}
            for words, url in (("Open in Muster", message.link), *message.more)
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _escaped(text: str) -> str:
    """Markdown as the text that it is."""
    return _MARKUP.sub(r"\\\1", text)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}…"


FORMS: dict[Channel.Kind, Callable[[Message], dict[str, Any]]] = {
    Channel.Kind.SLACK: slack,
    Channel.Kind.DISCORD: discord,
    Channel.Kind.TEAMS: teams,
}
