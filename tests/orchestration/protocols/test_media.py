"""Pictures and documents: their tokens are bounded by their own bytes."""

import base64
import struct
import time
import zlib

import pytest

from orchestration.protocols.shared import media
from orchestration.protocols.shared.interface import Refused


def png(width: int, height: int) -> str:
    return base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0").decode()


def jpeg(width: int, height: int, before: bytes = b"") -> str:
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03\x01\x22\x00"
    return base64.b64encode(b"\xff\xd8" + before + frame).decode()


EXIF = b"\xff\xe1\xff\xff" + b"\xff\xc0" + b"x" * 65_531


@pytest.mark.parametrize(
    ("data", "anthropic", "openai", "gemini"),
    [
        (png(1_000, 1_000), 1_312, 3_240, 2_240),
        (png(1_920, 1_080), 2_707, 6_728, 2_240),
        (png(1, 1), 17, 1_500, 2_240),
        (png(8_000, 8_000), 5_000, 25_000, 6_200),
        (png(3_000, 10), 124, 1_500, 3_096),
        (jpeg(1_000, 1_000), 1_312, 3_240, 2_240),
        (jpeg(1_000, 1_000, EXIF * 3), 1_312, 3_240, 2_240),
        (png(0, 5), 5_000, 25_000, 6_200),
        (base64.b64encode(b"GIF89a\x01\0\x01\0").decode(), 5_000, 25_000, 6_200),
        ("not base64 at all!", 5_000, 25_000, 6_200),
        ("\ud800", 5_000, 25_000, 6_200),
        ("", 5_000, 25_000, 6_200),
        (None, 5_000, 25_000, 6_200),
    ],
)
def test_a_picture_counts_by_its_size_and_never_more_than_the_most(
    data: str | None, anthropic: int, openai: int, gemini: int
) -> None:
    assert media.anthropic_picture(data).tokens == anthropic
    assert media.openai_picture(data, "gpt-5").tokens == openai
    assert media.gemini_picture(data).tokens == gemini
    assert media.anthropic_picture(data).data_bytes == len(data or "")


def pdf(content: bytes) -> str:
    return base64.b64encode(b"%PDF-1.7\n" + content).decode()


PACKED = zlib.compress(b"<< /Type /Pages /Count 9 >>")


@pytest.mark.parametrize(
    ("content", "pages"),
    [
        (b"<< /Type /Page >> << /Type/Page/Parent 1 0 R >> << /Type /Pages >>", 2),
        (b"<< /Type /Pages /Count 40 >>", 40),
        (b"<< /Type /Pages /Count 1 >> << /Type /Page >> << /Type /Page >>", 2),
        (b"<< /Type /ObjStm /N 3 /Filter /FlateDecode /Length 9 >>\nstream\r\n" + PACKED + b"\nendstream", 9),
        (b"<< /Type /ObjStm >>\nstream\nnot packed", 600),
        (b"encrypted", 600),
        (b"<< /Count 999999 >>", 600),
        (b"/ObjStm stream\n" * 1_001 + b"/Type /Page ", 600),
        (b"<< /Type /P#61ge >> << /#54ype /Pag#65 >>", 2),
        (b"<< /Type /P#61ges /Co#75nt 40 >> << /Type /Page >>", 40),
        (b"<< /Type /Obj#53tm >> << /Type /Page >>", 600),
        (b"<< /Type /ObjStm /Filter /LZWDecode >>\nstream\nhidden << /Type /Page >>", 600),
        (b"<< /Type /ObjStm >>\nstream\n" + zlib.compress(b" " * (1 << 20)) + b"<< /Type /Page >>", 600),
        (b"<< /Kids [3 0 R 4 0 R] >> << /Type /Page >> << /Type /Page >>", 2),
        (b"<< /Kids [3 0 R 3 0 R] >> << /Type /Page >>", 600),
        (b"<< /Kids 9 0 R >> << /Type /Page >>", 600),
    ],
)
def test_a_document_counts_by_its_pages(content: bytes, pages: int) -> None:
    document = media.document(pdf(content))
    assert (document.tokens, document.doubt) == (pages * 8_000, "media:pdf") and document.data_bytes == len(pdf(content))


def test_another_file_counts_as_text() -> None:
    assert media.document(base64.b64encode(b"hello").decode()) == media.Media(0, 0, "media:file")


def test_a_document_of_openai_is_a_data_url_or_bare() -> None:
    content = pdf(b"<< /Type /Page >>")
    assert media.openai_file(content) == media.openai_file(f"data:application/pdf;base64,{content}")
    for nothing in (None, "", 5):
        with pytest.raises(Refused, match="not in its body"):
            media.openai_file(nothing)


def test_a_hostile_document_is_read_within_seconds() -> None:
    began = time.monotonic()
    for content in (
        b"/ObjStm " * 2_000_000,
        b"/Type " * 2_000_000,
        (b"/ObjStm stream\n" + zlib.compress(b"\0" * (8 << 20))) * 900,
    ):
        media.document(pdf(content))
    assert time.monotonic() - began < 8
