"""Text from a workspace's own template: Django's language with its built-in tags only, no files, nothing escaped."""

from typing import Any

from django.template import Context, Engine, TemplateSyntaxError

_ENGINE = Engine(autoescape=False)


def check(text: str) -> None:
    """Raises ValueError for text that is no template."""
    try:
        _ENGINE.from_string(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"is no template: {error}"[:300]) from None


def render(text: str, values: dict[str, Any]) -> str:
    """Raises ValueError where it compiles but cannot be rendered with these values."""
    try:
        return _ENGINE.from_string(text).render(Context(values, autoescape=False))
    except Exception as error:  # a template may do whatever the language allows, and fail in as many ways
        raise ValueError(f"the template cannot be rendered: {error}"[:300]) from None
