"""The tutorial, word by word: each of its commands works, and what it says about the result is true."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.journeys.tutorial import Reader


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    try:
        yield reader
    finally:
        reader.close()


@pytest.mark.timeout(150)
def test_the_tutorial_leads_from_a_clone_to_merged_work(reader: Reader) -> None:
    outputs = [output for _, output in reader.follow()]
    shop = reader.home / "muster-tutorial/shop"

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", shop, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    assert "$0.20" in outputs[-1], "five rounds of four cents each: two entries took two rounds"
    assert git("status", "--porcelain") == ""
    assert git("rev-parse", "main") == git("rev-parse", "muster/integration")
    root = git("rev-list", "--max-parents=0", "main")
    assert git("diff", "--name-only", root, "main").split() == ["shop/orders.py", "shop/prices.py", "shop/receipts.py"]
