"""Terminal colours as CSS classes: 16, 256 and true colours map to the nearest of eight that are legible in both themes. Pure.

Only Select Graphic Rendition codes of the text itself are kept: backgrounds, blinking and every other sequence are dropped.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.utils.html import escape

from orchestration.sessions.logs.chunks import last_state, plain

NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_RGB = ((0, 0, 0), (205, 40, 40), (40, 180, 60), (200, 170, 30), (50, 90, 220), (190, 60, 190), (40, 180, 190), (230, 230, 230))
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_STEPS = (0, 95, 135, 175, 215, 255)
MAX_CODES = 32


@dataclass(frozen=True, slots=True)
class Style:
    colour: str = ""
    bold: bool = False
    dim: bool = False
    underline: bool = False

    @property
    def classes(self) -> str:
        names = [f"a-{self.colour}"] if self.colour else []
        return " ".join([*names, *(f"a-{name}" for name in ("bold", "dim", "underline") if getattr(self, name))])


PLAIN = Style()


def html(text: str) -> str:
    """A line as escaped HTML with colours."""
    if "\x1b" not in text:
        return escape(plain(text))
    return "".join(
        f'<span class="{style.classes}">{escape(part)}</span>' if style != PLAIN else escape(part) for style, part in pieces(text)
    )


def pieces(text: str) -> Iterator[tuple[Style, str]]:
    """Non-empty runs of one style, in order. An overwritten line shows its last state; colours end with the line."""
    style, at = PLAIN, 0
    text = last_state(text)
    for match in _SGR.finditer(text):
        if part := plain(text[at : match.start()]):
            yield style, part
        style, at = _after(style, match[1]), match.end()
    if part := plain(text[at:]):
        yield style, part


def _after(style: Style, codes: str) -> Style:
    numbers = [int(code) if len(code) < 4 and code.isdigit() else 0 for code in re.split("[;:]", codes)[:MAX_CODES]]
    n = 0
    while n < len(numbers):
        code = numbers[n]
        if code in (38, 48):  # an extended colour, of the text or of its background
            colour, used = _extended(numbers[n + 1 :])
            style = replace(style, colour=colour) if code == 38 and colour else style
            n += used
        else:
            style = _simple(style, code)
        n += 1
    return style


def _simple(style: Style, code: int) -> Style:
    if code == 0:
        return PLAIN
    if code in (1, 2, 4):
        name = {1: "bold", 2: "dim", 4: "underline"}[code]
        return replace(style, **{name: True})  # type: ignore[arg-type]
    if code == 22:
        return replace(style, bold=False, dim=False)
    if code == 24:
        return replace(style, underline=False)
    if 30 <= code <= 37 or 90 <= code <= 97:
        return replace(style, colour=NAMES[code % 10])
    return replace(style, colour="") if code == 39 else style


def _extended(codes: list[int]) -> tuple[str, int]:
    """The colour, and how many codes it takes."""
    if len(codes) >= 2 and codes[0] == 5:
        return _of_256(codes[1]), 2
    if len(codes) >= 4 and codes[0] == 2:
        return _nearest(codes[1], codes[2], codes[3]), 4
    return "", len(codes)


def _of_256(number: int) -> str:
    if number < 16:
        return NAMES[number % 8]
    if number < 232:
        cube = number - 16
        return _nearest(_STEPS[cube // 36], _STEPS[cube // 6 % 6], _STEPS[cube % 6])
    grey = min(number, 255) * 10 - 2312
    return _nearest(grey, grey, grey)


def _nearest(red: int, green: int, blue: int) -> str:
    if max(red, green, blue) - min(red, green, blue) < 40:
        return "white" if red + green + blue > 450 else "black"
    peak = max(red, green, blue)
    scaled = tuple(220 * part / peak for part in (red, green, blue))  # brightness does not change the colour
    return min(NAMES[1:7], key=lambda name: sum((a - b) ** 2 for a, b in zip(scaled, _RGB[NAMES.index(name)], strict=True)))
