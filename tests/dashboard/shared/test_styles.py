"""The styles are one file for all pages: what one page names must not be another's."""

import re
from pathlib import Path

from django.contrib.staticfiles import finders

ROOT = Path(__file__).resolve().parents[3]
DRAWINGS = ("budget/charts", "dashboard/shared/charts")


def rules() -> list[tuple[list[str], str]]:
    """(selectors, declarations) of the bundle, whatever at-rule they stand in."""
    text = re.sub(r"/\*.*?\*/", "", Path(str(finders.find("muster.css"))).read_text(), flags=re.S)
    return [(head.split(","), body) for head, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text)]


def drawn() -> set[str]:
    """The classes of what drawings are made of."""
    sources = [path.read_text() for folder in DRAWINGS for path in (ROOT / folder).glob("*.py")]
    named = {name for source in sources for names in re.findall(r'class_=f?"([^"]+)"', source) for name in names.split()}
    return {name for name in named if re.fullmatch(r"[a-z-]+", name)} - {"chart", "sparkline", "bullet", "paints"}


def test_no_page_hides_a_part_of_a_drawing() -> None:
    """Once the bar of the selected entries hid the bars of what rounds cost: both were `.bar`."""
    hidden = {
        f"{selector.strip()} {{{body.strip()}}}"
        for selectors, body in rules()
        for selector in selectors
        if re.search(r"display|visibility|position", body) and selector.strip().removeprefix(".") in drawn()
    }
    assert "bar" in drawn() and hidden == set()
