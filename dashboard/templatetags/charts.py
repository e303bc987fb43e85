"""Charts of money in templates; the drawings are in budget/charts."""

from django import template
from django.utils.safestring import SafeString

from budget.charts import bullet as bullets
from budget.charts import patterns

register = template.Library()


@register.simple_tag
def paints() -> SafeString:
    """The patterns of all charts. Include once per page, outside of every region."""
    return patterns.definitions()


@register.simple_tag
def bullet(use: bullets.Use) -> SafeString:
    return bullets.draw(use)


@register.filter
def plus(number: int, other: int) -> int:
    return number + other


@register.filter
def use_words(use: bullets.Use) -> str:
    return bullets.words(use)


@register.filter
def use_tone(use: bullets.Use) -> str:
    """The CSS classes for the text next to a bullet chart."""
    return {"warn": "tone warn", "over": "tone bad"}.get(use.tone, "")
