"""GitHub, and GitHub Enterprise (`url`: https://HOST/api/v3)."""

from orchestration.forges.github.adapter import connect
from orchestration.forges.github.config import CONFIG
from orchestration.forges.github.issues import tracker
from orchestration.forges.github.webhook import WEBHOOK

__all__ = ["CONFIG", "WEBHOOK", "connect", "tracker"]
