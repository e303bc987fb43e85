"""Discord, by an incoming webhook."""

from typing import Any

from workspaces.notices.kinds.chat_text import cut, escaped
from workspaces.notices.kinds.messages import Message, message
from workspaces.notices.kinds.shape import Kind, post

MAX_CONTENT = 2000


def form(message: Message) -> dict[str, Any]:
    more = [f"{escaped(words)} <{url}>" for words, url in message.more]
    parts = [f"**{escaped(message.title)}**", *map(escaped, map(cut, message.lines)), f"<{message.link}>"]
    while more and len("\n".join([*parts, *more])) > MAX_CONTENT:
        more.pop()
    return {"content": "\n".join([*parts, *more])[:MAX_CONTENT], "allowed_mentions": {"parse": []}, "flags": 1 << 2}


KIND = Kind("Discord", lambda delivery, _: post(delivery, form(message(delivery))))
