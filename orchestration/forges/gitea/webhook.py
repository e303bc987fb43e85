"""Webhooks of Gitea: the body is signed, and its fields have GitHub's names."""

from orchestration.forges.github.webhook import subject
from orchestration.forges.shared.webhooks import Webhook, hmac_in

WEBHOOK = Webhook("x-gitea-event", hmac_in("x-gitea-signature"), subject)
