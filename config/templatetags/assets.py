"""Addresses of the bundles, for templates."""

from django import template
from django.conf import settings
from django.templatetags.static import static

from config.http import assets

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    return assets.address(name)


@register.simple_tag
def build() -> str:
    """Which build this page is of (config/build.py)."""
    return str(settings.BUILD)


@register.simple_tag
def kept(name: str) -> str:
    """A static file's address with the build in it, so that browsers keep it for as long as it is the same."""
    return f"{static(name)}?{settings.BUILD}"
