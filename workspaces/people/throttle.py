"""How often somebody may try to come in: so many times in a window, for each name from each address. Whether the name exists is not asked."""

import hashlib
import ipaddress
import unicodedata
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from workspaces.models import FailedLogin

MOST = 10
WINDOW = timedelta(minutes=15)


def count(name: str, address: str) -> float | None:
    """One try more, counted before it is made, so that many at once are as many. Seconds to wait when it is one too many, else None."""
    now, key = timezone.now(), _key(name, address)
    FailedLogin.objects.filter(since__lt=now - WINDOW).delete()
    mine = FailedLogin.objects.filter(key=key)
    if not mine.update(tries=F("tries") + 1):
        try:
            with transaction.atomic():
                FailedLogin.objects.create(key=key, tries=1, since=now)
        except IntegrityError:  # another try of the same moment was first
            mine.update(tries=F("tries") + 1)
    row = mine.first()
    if row is None or row.tries <= MOST:
        return None
    return max((row.since + WINDOW - now).total_seconds(), 1)


def forget(name: str, address: str) -> None:
    """They came in."""
    FailedLogin.objects.filter(key=_key(name, address)).delete()


def _key(name: str, address: str) -> str:
    """A name as it is compared, and an address; of IPv6 the network, which one machine has whole."""
    try:
        ip = ipaddress.ip_address(address)
        address = str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)
    except ValueError:
        pass
    said = unicodedata.normalize("NFKC", name).casefold().strip()
    return hashlib.sha256(f"{said}\0{address}".encode("utf-8", "surrogatepass")).hexdigest()
