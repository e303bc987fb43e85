"""The words of a page as a reader sees them: without tags, attributes and what only a screen reader has."""

import html
import re

from django.test import Client

from tests.dashboard.overview.test_page import in_line


def words(markup: str) -> str:
    """In one line; cells and list items keep a bar between them."""
    markup = re.sub(r"<(svg|script|style|form|summary|datalist)\b.*?</\1>", " ", in_line(markup), flags=re.S)
    markup = re.sub(r"</(?:td|th|li|dt|dd|p|h[1-6])>", " | ", markup)
    return re.sub(r"(\s*\|\s*)+", " | ", re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", markup)))).strip(" |")


def rows(client: Client, address: str, **query: str) -> list[str]:
    """The words of each row of the tables."""
    page = client.get(address, query).content.decode()
    return [words(row) for row in re.findall(r"<tr\b.*?</tr>", page, flags=re.S)]


def items(client: Client, address: str, **query: str) -> list[str]:
    """The words of each item of the lists, and of each pair of facts."""
    page = client.get(address, query).content.decode()
    pairs = re.findall(r"<li\b.*?</li>|<dt\b.*?</dt>\s*<dd\b.*?</dd>", page, flags=re.S)
    return [words(item) for item in pairs]
