"""The private dialect does not come back: names and texts use the words of `tests/words.py`."""

import ast
import re
from pathlib import Path

from tests import figures, words

ROOT = Path(__file__).resolve().parents[1]


def test_no_name_is_from_the_old_dialect() -> None:
    assert not list(figures.banned_names(ROOT))


def test_no_page_uses_a_banned_phrase() -> None:
    dialect = {
        f"{path.relative_to(ROOT)}: {phrase}"
        for path in (ROOT / "templates").rglob("*.html")
        for phrase in words.banned_phrases(visible_text(path.read_text()))
    }
    assert not dialect


def test_no_document_uses_a_banned_phrase() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert not {
        f"{path.relative_to(ROOT)}: {phrase}" for path in documents for phrase in words.banned_phrases(prose(path.read_text()))
    }


def test_no_docstring_uses_a_banned_phrase() -> None:
    dialect = {
        f"{path.relative_to(ROOT)}: {phrase}"
        for path in figures.product_files(ROOT)
        if not {"api", "schemas"} & set(path.parts)  # these are published in openapi.json, which keeps its words
        for docstring, _ in words.docstrings(ast.parse(path.read_text()))
        for phrase in words.banned_phrases(docstring)
    }
    assert not dialect


def test_docstrings_begin_with_their_subject() -> None:
    served = ("api", "schemas", "api.py", "schemas.py")  # openapi.json keeps its words
    files = [
        path for path in (*figures.product_files(ROOT), *(ROOT / "tests").rglob("*.py")) if not set(served) & set(path.parts)
    ]
    without = [
        f"{path.relative_to(ROOT)}:{line} {docstring[:60]}"
        for path in files
        for docstring, line in words.docstrings(ast.parse(path.read_text()))
        if words.has_no_subject(docstring)
    ]
    assert len(without) <= 5, without  # classes whose docstrings are descriptions in openapi.json


def visible_text(template: str) -> str:
    """The text of a template and of its labels, without tags of the template language."""
    labels = " ".join(re.findall(r'(?:title|aria-label|placeholder|alt)="([^"]*)"', template))
    bare = re.sub(r"{[%#].*?[%#]}|{{.*?}}|<[^>]*>", " ", template, flags=re.DOTALL)
    return f"{bare} {labels}"


def prose(document: str) -> str:
    """A document without its code."""
    return re.sub(r"```.*?```|`[^`]*`", " ", document, flags=re.DOTALL)
