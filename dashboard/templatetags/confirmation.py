"""The confirmation token of destructive forms (dashboard/shared/confirmation.py)."""

from typing import Any

from django import template

from dashboard.shared import confirmation

register = template.Library()


@register.simple_tag(takes_context=True)
def confirmation_token(context: Any, act: str, about: object = "") -> str:
    return confirmation.token(context["page_request"], act, about)
