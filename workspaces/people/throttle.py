"""Limits login tries: so many in a window for each name and address, whether the name exists or not."""

import hashlib
import ipaddress
import unicodedata
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from workspaces.models import FailedLogin

MAX_TRIES = 10
WINDOW = timedelta(minutes=15)


def count_try(name: str, address: str) -> float | None:
    """Count a try before it is made, so that parallel tries count too. Returns the seconds to wait when it is too many, else None."""
    now, key = timezone.now(), _key(name, address)
    FailedLogin.objects.filter(since__lt=now - WINDOW).delete()
    mine = FailedLogin.objects.filter(key=key)
    if not mine.update(tries=F("tries") + 1):
        try:
            with transaction.atomic():
                FailedLogin.objects.create(key=key, tries=1, since=now)
        except IntegrityError:  # a parallel try was first
            mine.update(tries=F("tries") + 1)
    row = mine.first()
    if row is None or row.tries <= MAX_TRIES:
        return None
    return max((row.since + WINDOW - now).total_seconds(), 1)


def forget(name: str, address: str) -> None:
    """Reset the count after a successful login."""
    FailedLogin.objects.filter(key=_key(name, address)).delete()


def _key(name: str, address: str) -> str:
    """A key of the normalized name and the address; of IPv6 the /64 network, which belongs to one machine."""
    try:
        ip = ipaddress.ip_address(address)
        address = str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)
    except ValueError:
        pass
    normalized = unicodedata.normalize("NFKC", name).casefold().strip()
    return hashlib.sha256(f"{normalized}\0{address}".encode("utf-8", "surrogatepass")).hexdigest()
