"""Elements of SVG. Text and attributes are escaped here; nested elements are not escaped again."""

from collections.abc import Iterable

from django.utils.html import conditional_escape, format_html_join
from django.utils.safestring import SafeString, mark_safe

EMPTY = mark_safe("")


def el(name: str, *inside: object, **attributes: object) -> SafeString:
    """`el("text", "Cap", x=4, class_="label", text_anchor="end")`. None leaves an attribute out; a coordinate keeps a tenth."""
    shown = ((_name(key), _value(value)) for key, value in attributes.items() if value is not None)
    written = format_html_join("", ' {}="{}"', shown)
    return mark_safe(f"<{name}{written}>{join(inside)}</{name}>")


def join(parts: Iterable[object]) -> SafeString:
    return mark_safe("".join(conditional_escape(part if isinstance(part, str) else str(part)) for part in parts))


def picture(
    id_: str, *inside: object, width: float, height: float, title: str, desc: str, class_: str = "chart", **more: object
) -> SafeString:
    """The `svg` element. Screen readers read its title and description. `more`: further attributes."""
    return el(
        "svg",
        el("title", title, id=f"{id_}-title"),
        el("desc", desc, id=f"{id_}-desc"),
        *inside,
        role="img",
        class_=class_,
        viewBox=f"0 0 {_value(width)} {_value(height)}",
        aria_labelledby=f"{id_}-title",
        aria_describedby=f"{id_}-desc",
        **more,
    )


def path(points: Iterable[tuple[float, float]], *, closed: bool = False) -> str:
    """The `d` attribute of a line through the points."""
    steps = [f"{'L' if n else 'M'}{_value(x)} {_value(y)}" for n, (x, y) in enumerate(points)]
    return "".join(steps) + ("Z" if closed and steps else "")


def places(values: Iterable[float]) -> str:
    """For `data_x`: where the rows of the chart's table lie, in their order (static/js/charts.js)."""
    return " ".join(_value(float(value)) for value in values)


def _name(key: str) -> str:
    if key == "viewBox" or key.startswith("pattern"):
        return key
    return key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
