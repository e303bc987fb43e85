"""`.venv/bin/python -m tests.pictures`: takes the pictures of the README and the docs. Not a test."""

from tests.faults.harness import ROOT

PLACE = ROOT / "docs/images"
WIDE = (1280, 860)
