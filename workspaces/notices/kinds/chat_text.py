"""Texts for chats. What agents and people wrote is plain text there: no link, no markup and no mention of anybody comes from it. Pure."""

import re

MAX_CHARS = 1500
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>@<&])")


def escaped(text: str) -> str:
    """Markdown as the text that it is."""
    return _MARKUP.sub(r"\\\1", text)


def cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}…"
