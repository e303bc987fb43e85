"""Microsoft Teams, by a workflow."""

from typing import Any

from workspaces.notices.kinds.chat_text import cut, escaped
from workspaces.notices.kinds.messages import Message, message
from workspaces.notices.kinds.shape import Kind, post


def form(message: Message) -> dict[str, Any]:
    """An adaptive card."""
    blocks = [{"type": "TextBlock", "text": escaped(message.title), "weight": "Bolder", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": escaped(cut(line)), "wrap": True} for line in message.lines]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "actions": [
            {"type": "Action.OpenUrl", "title": cut(words), "url": url}
            for words, url in (("Open in Muster", message.link), *message.more)
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


KIND = Kind("Microsoft Teams", lambda delivery, _: post(delivery, form(message(delivery))))
