"""Gitea and Forgejo (`url`: https://HOST)."""

from orchestration.forges.gitea.adapter import connect
from orchestration.forges.gitea.config import CONFIG
from orchestration.forges.gitea.issues import tracker
from orchestration.forges.gitea.webhook import WEBHOOK

__all__ = ["CONFIG", "WEBHOOK", "connect", "tracker"]
