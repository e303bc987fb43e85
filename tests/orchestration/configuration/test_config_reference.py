"""docs/reference/config.md lists the files that judge; tests/reference.py writes its table."""

import re
from pathlib import Path

from django.conf import settings

from orchestration.configuration import JUDGES

PAGE = Path(settings.BASE_DIR, "docs/reference/config.md")


def test_the_page_lists_the_files_that_judge() -> None:
    block = re.search(r"```\n(.*?)```", PAGE.read_text(), re.S)
    assert block and block[1].split() == list(JUDGES)
