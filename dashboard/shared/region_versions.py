"""The versions of a page's live regions: what a page says that it shows, and whether a region has changed since."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping

import structlog
from django.conf import settings
from django.db import transaction
from django.http import JsonResponse

from workspaces.errors import Refused

log = structlog.get_logger(__name__)

MAX_NAMES = 40

# What differs although nothing changed: the CSRF token, which is masked anew, and clocks, which count by themselves.
_TOKEN = re.compile(r'(?<=name="csrfmiddlewaretoken" value=")[^"]*')
_CLOCK = re.compile(r'(<time class="num" data-(?:ago|since)="[^>]*>)[^<]*')


def parse(text: str) -> dict[str, str]:
    """`nav,header:1f0c` as names with the version that the page shows; empty: none."""
    pairs = (part.partition(":") for part in text.split(",")[:MAX_NAMES] if part)
    return {name: version for name, _, version in pairs}


def of(html: str) -> str:
    return hashlib.blake2b(_CLOCK.sub(r"\1", _TOKEN.sub("", html)).encode(), digest_size=6).hexdigest()


def answer(shown: Mapping[str, str], names: Iterable[str], render: Callable[[str], str], *, build: str) -> JsonResponse:
    """JSON with the HTML and the version of each region in `names` that differs from the version in `shown`, and the names of those that failed
    to render. `build`: that of the page. A page of another one gets no markup, which its script and its styles may not know: it is to reload."""
    if build != settings.BUILD:
        return JsonResponse({"regions": {}, "failed": [], "reload": True})
    changed, failed = {}, []
    for name in names:
        try:
            with transaction.atomic():  # a savepoint: on PostgreSQL a failed statement would end the snapshot for all that follow
                html = render(name)
        except Refused:
            raise
        except Exception:  # the other regions stay live
            log.exception("page.region_failed", region=name)
            failed.append(name)
            continue
        if (version := of(html)) != shown[name]:
            changed[name] = {"version": version, "html": html}
    return JsonResponse({"regions": changed, "failed": failed})
