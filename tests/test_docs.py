"""What the documents list is what there is."""

import re
from pathlib import Path

from config import env

ROOT = Path(__file__).resolve().parents[1]


def test_operating_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`|\(empty\)) \| (.*) \|$", (ROOT / "docs/operating.md").read_text(), re.M)
    assert rows == [(v.name, v.default, v.help) for v in env.VARIABLES.values()]


def test_every_setting_that_is_read_is_listed() -> None:
    code = [p for folder in ("config", "workspaces", "budget", "orchestration") for p in (ROOT / folder).rglob("*.py")]
    read = {name for path in code for name in re.findall(r'env\.read\("(\w+)"\)', path.read_text())}
    assert read <= env.VARIABLES.keys()
    assert env.VARIABLES.keys() - read <= {"MUSTER_DATA_DIR", "MUSTER_REPO_ROOTS", "MUSTER_BASE_URL"}, (
        "a setting that nobody reads"
    )


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
