"""Untrusted text with nothing hidden: characters that move the cursor, change the direction or have no width are shown as symbols."""

import re

MAX_LENGTH = 2000
# Controls except tab; bidirectional and hidden text (Trojan Source); zero-width characters; bytes that are not UTF-8.
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_HIDES = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2028\u2029\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
_ODD = re.compile(f"[\x00-\x08\x0a-\x1f\x7f-\x9f{_BIDI}{_HIDES}\ud800-\udfff\U000e0000-\U000e0fff]")
_MISLEADS = re.compile(f"[{_BIDI}{_HIDES}\U000e0000-\U000e0fff]")
JOINED = re.compile("(?<=[\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])\u200d(?=[\u2600-\u27bf\U0001f000-\U0001faff])")


def visible(text: str) -> str:
    """One line, without its line ending."""
    if text.isascii() and text.isprintable():
        return text
    return _ODD.sub(_sign, text)


def name(path: str) -> str:
    """A path, in one line."""
    return visible(path).replace("\t", "␉")


def shortened(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]} … {len(text) - MAX_LENGTH:,} more characters"


def misleads(text: str) -> bool:
    """True if the text's appearance differs from its content."""
    return not text.isascii() and _MISLEADS.search(JOINED.sub("", text)) is not None


def _sign(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)  # the pictures of controls: ␀ ␛ ␍
    if code == 0x7F:
        return "␡"
    if 0xDC80 <= code <= 0xDCFF:
        return f"⟨{code - 0xDC00:02X}⟩"
    return f"⟨U+{code:04X}⟩"
