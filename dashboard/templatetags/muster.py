"""Filters and tags for amounts, times and states. Output is escaped here."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django import template
from django.apps import apps
from django.conf import settings
from django.db.models import Model
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import get_current_timezone, localtime, now

from budget import amounts
from budget.charts import meter as tones
from dashboard.shared import counts
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import entry_state, labels, request_waits
from orchestration.models import Entry
from workspaces import times
from workspaces.admin import base as admin_base
from workspaces.machine.release import NUMBER

register = template.Library()
register.filter("plain_usd", amounts.plain_usd)
register.filter("counted", counts.text)
register.filter("requests_wait", request_waits.sentence)


@register.filter
def usd(micro: int | None) -> str:
    """Micro-USD as text; None is a dash, never zero."""
    return amounts.format_usd(micro)


@register.filter
def code(text: str) -> SafeString:
    """Text of people and agents on one line, such as a title: what stands between backticks is code."""
    pieces = re.split(r"`([^`\n]+)`", text)
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", piece) if n % 2 else piece,) for n, piece in enumerate(pieces))
    )


@register.filter
def grouped(number: int) -> str:
    """12,345; zero and None are a dash."""
    return f"{number:,}" if number else "—"


@register.filter
def score(value: float | None) -> str:
    """A score from 0 to 1 as two decimals; the third only where it would otherwise read as 1 or 0 and is not."""
    if value is None:
        return "—"
    shown = f"{value:.2f}"
    return f"{value:.3f}" if (shown == "1.00") != (value == 1) or (shown == "0.00") != (value == 0) else shown


@register.filter
def gain(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{'−' if value < 0 else '+'}{abs(value):.2f}"


@register.filter
def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "—"


@register.filter
def signed_usd(micro: int) -> str:
    """A difference: over is `+`, under `−`."""
    return f"+{amounts.format_usd(micro)}" if micro > 0 else amounts.format_usd(micro)


@register.filter
def signed_percent(value: float) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{abs(value):.0f} %"


@register.filter
def awaited(session: Any, form: str = "") -> str:
    """The thing that the oldest waiting request of a session waits for, read by `gateway_requests.oldest_wait`. `brief`: a word, for columns."""
    if form == "brief":
        return request_waits.brief(session.request_waits_for)
    return request_waits.awaited(session.request_waits_for, session.request_waits_with)


@register.filter
def duration(span: timedelta | float | None) -> str:
    """`42s`, `7m 05s`, `3h 12m`, `2d 04h`."""
    return "—" if span is None else labels.duration(span)


@register.simple_tag
def ago(moment: datetime | None, never: str = "never") -> SafeString:
    """The time since the moment, or the date if older than a day. The exact time is in the title and, for relative times, in print. A
    script keeps it counting while the page is live."""
    if moment is not None and now() - moment >= times.DAY:
        return _time(moment, times.brief(moment, _zone()))
    return _clock(moment, "ago", labels.age, never)


@register.simple_tag
def since(moment: datetime | None, until: datetime | None = None) -> SafeString:
    """The duration until now or until `until`."""
    if moment is not None and until is not None:
        return format_html('<span class="num">{}</span>', duration(until - moment))
    return _clock(moment, "since", labels.duration, "—")


@register.simple_tag
def moment(at: datetime | None) -> SafeString:
    """The time of an event in a list, with the date unless it is today."""
    if at is None:
        return format_html("{}", "—")
    today = at.astimezone(_zone()).date() == now().astimezone(_zone()).date()
    return _time(at, f"{at.astimezone(_zone()):%H:%M:%S}" if today else times.brief(at, _zone()))


@register.simple_tag
def when(at: datetime | None, form: str = "stamp") -> SafeString:
    """A moment in text: `25 Nov 2026, 13:04 CET`. `brief`: `25 Nov 13:04`, `exact`: with seconds, for columns; `clock`: `13:04:21 CET`
    inside a sentence, with the day unless it is today; `soon`: the same without seconds and zone."""
    if at is None:
        return format_html("{}", "—")
    return _time(at, _FORMS[form](at))


@register.simple_tag
def as_of() -> SafeString:
    """The current time, for print."""
    return when(now())


@register.simple_tag
def zone() -> str:
    """The time zone of this page: `Europe/Berlin`."""
    return times.zone_name(_zone())


@register.filter
def with_local(text: str) -> str:
    """Adds the local time to `00:00 UTC`, the start of the budget day."""
    return times.with_local(str(text), _zone(), now())


_FORMS: dict[str, Callable[[datetime], str]] = {
    "stamp": lambda at: times.stamp(at, _zone()),
    "brief": lambda at: times.brief(at, _zone()),
    "exact": lambda at: times.brief(at, _zone(), seconds=True),
    "clock": lambda at: times.clock(at, _zone(), now()),
    "soon": lambda at: times.soon(at, _zone(), now()),
}


def _zone() -> tzinfo:
    return get_current_timezone()


def _time(at: datetime, shown: str) -> SafeString:
    return format_html('<time class="num" datetime="{}" title="{}">{}</time>', times.iso(at), times.full(at, _zone()), shown)


def line_clock(second: int) -> str:
    """The time of a log line, from seconds since the epoch. Plain text, because a page has a thousand."""
    return f"{localtime(datetime.fromtimestamp(second, UTC)):%H:%M:%S}"


def _clock(at: datetime | None, kind: str, words: Callable[[timedelta], str], never: str) -> SafeString:
    if at is None:
        return format_html("{}", never)
    return format_html(
        '<time class="num" data-{}="{}" data-at="{}" datetime="{}" title="{}">{}</time>',
        kind,
        f"{at.timestamp():.0f}",
        times.brief(at, _zone()),
        times.iso(at),
        times.full(at, _zone()),
        words(now() - at),
    )


@register.filter
def entry_badge(entry: Entry, page_request: PageRequest) -> str:
    return entry_state.badge(entry, open_agents=page_request.open_agents)


@register.filter
def status_word(state: str) -> str:
    return labels.badge(state)[2].lower()


@register.simple_tag
def build() -> str:
    """The build that this page is of: live.js compares it with the build in each heartbeat."""
    return str(settings.BUILD)


@register.simple_tag
def release() -> str:
    """The number of this release."""
    return NUMBER


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of the sprite. It always accompanies a word and is therefore hidden from screen readers."""
    return format_html(
        '<svg class="icon" width="16" height="16" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name
    )


@register.simple_tag
def badge(state: str) -> SafeString:
    """Icon, word and colour of a state."""
    tone, symbol, word = labels.badge(state)
    return format_html('<span class="badge {}">{}{}</span>', tone, icon(symbol), word)


@register.simple_tag
def progress(part: int, whole: int) -> SafeString:
    """A part of a whole as a bar; the numbers are shown as text."""
    return format_html(
        '<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" '
        'height="6"></rect><rect class="used" width="{}" height="6"></rect></svg>',
        f"{100 * part / max(whole, 1):.2f}",
    )


@register.simple_tag
def meter(spent: int, whole: int, held: int = 0) -> SafeString:
    """Spent and reserved amounts of a limit as a bar. The numbers are shown as text, so the bar is hidden from screen readers.

    Widths are SVG attributes: the content security policy allows no style attributes.
    """
    scale = max(whole, spent + held, 1)
    used = 100 * spent / scale
    limit = mark_safe("")
    if spent + held > whole:
        limit = format_html('<rect class="limit" x="{}" width="1" height="6"></rect>', f"{min(100 * whole / scale, 99):.2f}")
    return format_html(
        '<svg class="meter {}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="6"></rect><rect class="held" x="{}" width="{}" height="6"></rect>'
        '<rect class="used" width="{}" height="6"></rect>{}</svg>',
        tones.tone(spent, whole),
        f"{used:.2f}",
        f"{100 * held / scale:.2f}",
        f"{used:.2f}",
        limit,
    )


@register.simple_tag
def live(name: str, topics: str, every: int = 0) -> SafeString:
    """The attributes of a region that refreshes itself (static/js/regions.js): its name, and the topics that may change it.
    `every`: seconds that pass at least between two refreshes."""
    return format_html('id="{}" data-live="{}"{}', name, topics, format_html(' data-every="{}"', every) if every else "")


@register.simple_tag(takes_context=True)
def admin_link(context: Any, obj: Model | None, words: str = "Edit in admin") -> SafeString:
    """A link to an object's page on the admin site; empty for users without access."""
    request = context.get("request")
    if obj is None or request is None or not getattr(request.user, "is_superuser", False):
        return mark_safe("")
    return admin_base.link(obj, words)


@register.simple_tag(takes_context=True)
def admin_list(context: Any, model: str, workspace: Model, column: str = "workspace") -> SafeString:
    """A link to the workspace's rows of a model on the admin site. `column`: the foreign key to the workspace."""
    request = context.get("request")
    if request is None or not getattr(request.user, "is_superuser", False):
        return mark_safe("")
    meta = apps.get_model(model)._meta
    key = meta.get_field(column).target_field.name  # the name that the admin's filters use
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return format_html('<a href="{}?{}__{}__exact={}">All in admin</a>', address, column, key, workspace.pk)


@register.simple_tag
def pieces(parts: list[tuple[str, str]]) -> SafeString:
    """Text with links: (text, URL) pairs; an empty URL means plain text."""
    return format_html_join(
        "",
        "{}",
        ((format_html('<a href="{}">{}</a>', url, code(text)) if url else code(with_local(text)),) for text, url in parts),
    )
