"""Renders a workspace's own prompt templates in a subset of Django's language: no file access, bounded output, no escaping."""

from typing import Any

from django.template import Context, Engine, TemplateSyntaxError
from django.template.library import Library

TAGS = ("comment", "for", "firstof", "if", "ifchanged", "now", "spaceless", "templatetag", "verbatim", "with")
# No filter that pads, joins or repeats: one `ljust` could take all memory of the worker that renders it.
FILTERS = (
    "capfirst",
    "cut",
    "date",
    "default",
    "default_if_none",
    "dictsort",
    "divisibleby",
    "first",
    "last",
    "length",
    "lower",
    "pluralize",
    "slice",
    "striptags",
    "time",
    "title",
    "truncatechars",
    "truncatewords",
    "upper",
    "wordcount",
    "wordwrap",
    "yesno",
)
MAX_STEPS = 2_000
MAX_CHARS = 2_000_000


def _engine() -> Engine:
    engine = Engine(autoescape=False)
    allowed = Library()
    for library in engine.template_builtins:
        allowed.tags.update({name: tag for name, tag in library.tags.items() if name in TAGS})
        allowed.filters.update({name: function for name, function in library.filters.items() if name in FILTERS})
    engine.template_builtins = [allowed]
    return engine


_ENGINE = _engine()


class _Bounded(Context):
    """A context with limits on loop steps and characters."""

    steps = 0
    length = 0

    def __setitem__(self, key: Any, value: Any) -> None:
        self._step()
        super().__setitem__(key, value)

    def update(self, other_dict: Any) -> Any:
        self._step()
        return super().update(other_dict)

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        self.length += len(value) if isinstance(value, str) else 0
        if self.length > MAX_CHARS:
            raise ValueError(f"it uses more than {MAX_CHARS} characters")
        return value

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise ValueError(f"its loops take more than {MAX_STEPS} steps")


def check(text: str) -> None:
    """Validate a template. Raises ValueError."""
    try:
        _ENGINE.from_string(text)
    except (TemplateSyntaxError, RecursionError) as error:
        raise ValueError(f"is no template: {error}"[:300]) from None


def render(text: str, values: dict[str, Any]) -> str:
    """Render a template. Raises ValueError."""
    try:
        return _ENGINE.from_string(text).render(_Bounded(values, autoescape=False))
    except Exception as error:  # a template can fail in any way that the language allows
        raise ValueError(f"the template cannot be rendered: {error}"[:300]) from None
