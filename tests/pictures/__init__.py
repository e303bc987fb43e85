"""`.venv/bin/python -m tests.pictures`: the pictures of the README and the docs, taken anew. Not a test."""

from tests.faults.harness import ROOT

PLACE = ROOT / "docs/images"
WIDE = (1280, 860)
