"""GitLab, where a pull request is a merge request (`url`: https://HOST)."""

from orchestration.forges.gitlab.adapter import connect
from orchestration.forges.gitlab.config import CONFIG
from orchestration.forges.gitlab.issues import tracker
from orchestration.forges.gitlab.webhook import WEBHOOK

__all__ = ["CONFIG", "WEBHOOK", "connect", "tracker"]
