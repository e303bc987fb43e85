"""A notice as a message for Slack, Discord or Teams, in the form that their incoming webhooks take. What agents and people wrote is plain text there:
no link, no markup and no mention of anybody comes from it. Pure.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workspaces.models import Channel

MAX_CHARS = 1500
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>@<&])")


@dataclass(frozen=True)
class Message:
    """`title`: what happened, and where. `lines`: what it is about, and why. `link`: the page with more."""

    title: str
    lines: tuple[str, ...]
    link: str


def slack(message: Message) -> dict[str, Any]:
    """As plain text in blocks; `text` is what a phone shows of it."""
    lines = _cut("\n".join(message.lines))
    blocks: list[dict[str, Any]] = [_section(message.title)]
    if lines:
        blocks.append(_section(lines))
    button = {"type": "button", "text": {"type": "plain_text", "text": "Open in Muster"}, "url": message.link}
    return {"text": _without_markup_of_slack(message.title), "blocks": [*blocks, {"type": "actions", "elements": [button]}]}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _without_markup_of_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def discord(message: Message) -> dict[str, Any]:
    parts = (f"**{_escaped(message.title)}**", *map(_escaped, map(_cut, message.lines)), f"<{message.link}>")
    return {"content": "\n".join(parts)[:2000], "allowed_mentions": {"parse": []}, "flags": 1 << 2}


def teams(message: Message) -> dict[str, Any]:
    """An adaptive card, as a workflow takes it."""
    blocks = [{"type": "TextBlock", "text": _escaped(message.title), "weight": "Bolder", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": _escaped(_cut(line)), "wrap": True} for line in message.lines]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "actions": [{"type": "Action.OpenUrl", "title": "Open in Muster", "url": message.link}],
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
