"""The charts in templates: the drawings themselves are in budget/charts."""

from django import template
from django.utils.safestring import SafeString

from budget.charts import bullet as bullets
from budget.charts import patterns

register = template.Library()


@register.simple_tag
def paints() -> SafeString:
    """What all charts paint with. Once on a page, outside of every region."""
    return patterns.definitions()


@register.simple_tag
def bullet(use: bullets.Use) -> SafeString:
    return bullets.draw(use)


@register.filter
def plus(one: int, other: int) -> int:
    return one + other


@register.filter
def use_words(use: bullets.Use) -> str:
    return bullets.words(use)


@register.filter
def use_tone(use: bullets.Use) -> str:
    """The tone of the words beside a bullet, as the page's classes name it."""
    return {"warn": "tell warn", "over": "tell bad"}.get(use.tone, "")
