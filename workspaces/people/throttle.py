"""Limits login tries in a window: so many for each name and address, more for each name, whether it exists or not. An address with many tries is
slowed, whatever the names, and never locked out: people share it with programs.

The address is the one that MUSTER_TRUSTED_PROXIES vouch for, if they are set (config/web.py).
"""

import hashlib
import ipaddress
import threading
import time
import unicodedata
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from workspaces.models import FailedLogin

MAX_TRIES = 10
MAX_OF_NAME = 100  # from everywhere: whoever has many addresses is stopped too
MAX_OF_ADDRESS = 100  # an office behind one address logs in at full speed
EVERYWHERE = "*"  # in place of an address
SLOW_S = 1.0
SLOWED_AT_ONCE = 2  # they wait in threads of the web server
WINDOW = timedelta(minutes=15)
_slowed = threading.BoundedSemaphore(SLOWED_AT_ONCE)


def count_try(name: str, address: str) -> float | None:
    """Count a try before it is made. Returns the seconds to wait when it is too many, else None.
    Without an address only the name counts."""
    FailedLogin.objects.filter(since__lt=timezone.now() - WINDOW).delete()
    # Before the password is checked: a hundred parallel tries would else all pass before the first one counts.
    is_slowed = bool(address) and _count(_key_of(address), MAX_OF_ADDRESS) is not None
    if is_slowed and not _is_slow_enough():
        return SLOW_S
    waits = [_count(_key(name, address), MAX_TRIES), _count(_key(name, EVERYWHERE), MAX_OF_NAME)]
    return max((wait for wait in waits if wait is not None), default=None)


def count(what: str, address: str, most: int) -> float | None:
    """Count something else than a login. Returns the seconds to wait when it was more than `most` in the window, else None."""
    FailedLogin.objects.filter(since__lt=timezone.now() - WINDOW).delete()
    return _count(_key_of_other(what, address), most)


def take_back(what: str, address: str) -> None:
    """Count it no longer."""
    FailedLogin.objects.filter(key=_key_of_other(what, address), tries__gt=0).update(tries=F("tries") - 1)


def _is_slow_enough() -> bool:
    """Wait, and let the try be made. False: others wait already, and the person presses again."""
    if not _slowed.acquire(blocking=False):
        return False
    try:
        time.sleep(SLOW_S)
    finally:
        _slowed.release()
    return True


def forget(name: str, address: str) -> None:
    """Reset the name's count after a successful login, and take that login from the address's."""
    FailedLogin.objects.filter(key__in=[_key(name, address), _key(name, EVERYWHERE)]).delete()
    FailedLogin.objects.filter(key=_key_of(address), tries__gt=0).update(tries=F("tries") - 1)


def _count(key: str, most: int) -> float | None:
    now, mine = timezone.now(), FailedLogin.objects.filter(key=key)
    if not mine.update(tries=F("tries") + 1):
        try:
            with transaction.atomic():
                FailedLogin.objects.create(key=key, tries=1, since=now)
        except IntegrityError:  # a parallel try was first
            mine.update(tries=F("tries") + 1)
    row = mine.first()
    if row is None or row.tries <= most:
        return None
    return max((row.since + WINDOW - now).total_seconds(), 1)


def _key(name: str, address: str) -> str:
    normalized = unicodedata.normalize("NFKC", name).casefold().strip()
    return _hashed(f"{normalized}\0{_network(address)}")


def _key_of(address: str) -> str:
    return _hashed(f"\0\0{_network(address)}")


def _key_of_other(what: str, address: str) -> str:
    """Unlike any key of a name, which a caller chooses: those end with an address."""
    return _hashed(f"{what}\0{_network(address)}\0counted")


def _network(address: str) -> str:
    """The address; of IPv6 the /64 network, which belongs to one machine."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
