"""Bounds of the tokens of pictures and documents, by the providers' formulas. Sizes come from the first bytes of the data, never from the client."""

import base64
import binascii
import math
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from orchestration.protocols.shared.interface import Refused

_HEAD_CHARACTERS = 400_000  # of base64: a JPEG's size can follow long metadata
_MAX_PAGES = 600
_PAGE_TOKENS = 8_000  # a picture of the page, and its text
_MAX_STREAMS, _MAX_STREAM_BYTES, _MAX_INFLATED = 1_000, 256 << 10, 16 << 20  # compressed objects of a PDF

_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
_PAGE_COUNT = re.compile(rb"/Count\s+(\d{1,6})")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_REFERENCE = re.compile(rb"\d{1,9}\s+\d{1,5}\s+R\b")
_OBJECT_STREAM = re.compile(rb"/ObjStm\b.{0,300}?stream\r?\n", re.DOTALL)
_DATA_URL = re.compile(r"data:(?:[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Media:
    """One picture or document."""

    tokens: int
    data_bytes: int = 0  # of base64 in the body
    doubt: str = ""  # a reason against an exact bound
    is_remote: bool = False  # its content may change between requests


def anthropic_picture(data: str | None) -> Media:
    """Patches of 28 pixels, at most 4,784 for the newest models; None: a picture elsewhere."""
    return _picture(data, 5_000, lambda width, height: _patches(width, height, 28) + 16)


def openai_picture(data: str | None, model: str) -> Media:
    """Patches of 32 pixels times a factor of up to 2.46, or tiles; other servers' models take patches of 28. gpt-4o-mini counts 33 times as much."""
    if "4o-mini" in model:
        return _picture(data, 48_200, lambda width, height: 48_200)
    return _picture(data, 25_000, lambda width, height: max(1_500, math.ceil(2.5 * _patches(width, height, 28))))


def gemini_picture(data: str | None) -> Media:
    """258 tokens a tile of up to 768 pixels, after scaling to at most 3,072; or up to 2,240 by resolution."""
    return _picture(data, 6_200, _gemini_tokens)


def document(data: str) -> Media:
    """A PDF: its pages are counted; where they cannot be, it has the most that providers take. The text on a page has no bound of its own.
    Another file counts as text."""
    content = _decoded(data)
    if b"%PDF" not in content[:1_024]:
        return Media(0, 0, "media:file")
    pages = min(_pages(content) or _MAX_PAGES, _MAX_PAGES)
    return Media(pages * _PAGE_TOKENS, len(data), "media:pdf")


def openai_link(url: object, model: str) -> Media:
    """A picture as OpenAI takes it: a data URL, an address, or a file's id."""
    inline = _from_url(url) if isinstance(url, str) else None
    return openai_picture(inline, model)


def openai_file(data: object) -> Media:
    """A document as OpenAI takes it: a data URL, or bare base64. Raises Refused for a file elsewhere."""
    if not isinstance(data, str) or not data:
        raise not_inline("file")
    return document(_from_url(data) or data)


def not_inline(kind: str) -> Refused:
    """The refusal of a file that is not in the body."""
    return Refused(
        400,
        "unbounded_file",
        f"This request reads a {kind} that is not in its body, so its cost cannot be known before it is sent. Send it inline.",
    )


def _from_url(url: str) -> str | None:
    """The base64 of a data URL; None: an address elsewhere."""
    match = _DATA_URL.match(url)
    return url[match.end() :] if match else None


def _picture(data: str | None, most: int, tokens: Callable[[int, int], int]) -> Media:
    if data is None:
        return Media(most, is_remote=True)
    size = _size(_decoded(data[:_HEAD_CHARACTERS]))
    return Media(min(tokens(*size), most) if size else most, len(data))


def _patches(width: int, height: int, edge: int) -> int:
    return math.ceil(width / edge) * math.ceil(height / edge)


def _gemini_tokens(width: int, height: int) -> int:
    edge = max(256, min(768, int(min(width, height) / 1.5)))
    return max(2_240, 258 * _patches(width, height, edge))


def _decoded(data: str) -> bytes:
    """The bytes of base64, as far as it is base64."""
    try:
        return base64.b64decode(data[: len(data) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""


def _size(head: bytes) -> Size | None:
    """Width and height of a PNG or a JPEG. None: unknown, or another format, whose frames may be larger than its header says."""
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR" and len(head) >= 24:
        return _checked(int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big"))
    return _jpeg_size(head) if head.startswith(b"\xff\xd8") else None


def _jpeg_size(head: bytes) -> Size | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 1 if marker == 0xFF else 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _checked(int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big"))
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _checked(width: int, height: int) -> Size | None:
    return (width, height) if width and height else None


def _pages(pdf: bytes) -> int:
    """The pages that a PDF declares, also in its compressed objects and by names with escapes; 0: none visible, or not all of it can be looked through."""
    texts, left = [_unescaped(pdf)], _MAX_INFLATED
    if (stated := texts[0].count(b"/ObjStm")) > _MAX_STREAMS:
        return 0
    streams = list(_OBJECT_STREAM.finditer(pdf))
    if len(streams) < stated:
        return 0
    for stream in streams:
        if not (text := _inflated(pdf[stream.end() : stream.end() + _MAX_STREAM_BYTES])):
            return 0
        texts.append(_unescaped(text))
        left -= len(text)
        if left < 0:
            return 0
    if any(_repeats_a_page(text) for text in texts):
        return _MAX_PAGES
    declared = max((int(count) for text in texts for count in _PAGE_COUNT.findall(text)), default=0)
    return max(declared, sum(len(_PAGE.findall(text)) for text in texts))


def _unescaped(pdf: bytes) -> bytes:
    """Names as readers take them: `/P#61ge` is `/Page`."""
    return _ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), pdf)


def _repeats_a_page(text: bytes) -> bool:
    """True where a list of pages has one twice, or is not where its tree is."""
    for part in text.split(b"/Kids")[1:]:
        listed, _, _ = part.lstrip().partition(b"]")
        references = _REFERENCE.findall(listed)
        if not listed.startswith(b"[") or len(set(references)) < len(references):
            return True
    return False


def _inflated(data: bytes) -> bytes:
    """Empty: it is packed otherwise, or there is more of it."""
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(data, _MAX_STREAM_BYTES)
    except zlib.error:
        return b""
    return text if unpacker.eof else b""
