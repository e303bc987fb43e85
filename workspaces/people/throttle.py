"""Limits login tries in a window: so many for each name and address, more for each name, whether it exists or not. An address with many tries is
slowed, whatever the names, and never locked out: people share it with programs. A browser in which the name logged in lately has a limit of its own,
so that strangers lock nobody out; not its address, which a proxy or an office shares.

The address is the one that MUSTER_TRUSTED_PROXIES vouch for, if they are set (config/web.py).
"""

import hashlib
import ipaddress
import threading
import time
import unicodedata
from datetime import timedelta

from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import get_random_string

from workspaces.models import FailedLogin

MAX_TRIES = 10
MAX_OF_NAME = 100  # from everywhere: whoever has many addresses is stopped too
MAX_OF_ADDRESS = 100  # an office behind one address logs in at full speed
EVERYWHERE = "*"  # in place of an address
SLOW_S = 1.0
SLOWED_AT_ONCE = 2  # they wait in threads of the web server
WINDOW = timedelta(minutes=15)
MARKED = timedelta(days=90)
COOKIE, SALT = "muster-known", "a browser in which a name logged in"
_slowed = threading.BoundedSemaphore(SLOWED_AT_ONCE)


def count_try(name: str, address: str, *, browser: str = "") -> float | None:
    """Count a try before it is made. Returns the seconds to wait when it is too many, else None: then it is not made, and counts for the name
    nowhere else. Without an address only the name counts. `browser`: the mark of one in which the name logged in lately."""
    FailedLogin.objects.filter(since__lt=timezone.now() - WINDOW).delete()
    # Before the password is checked: a hundred parallel tries would else all pass before the first one counts.
    is_slowed = bool(address) and _count(_key_of(address), MAX_OF_ADDRESS) is not None
    if is_slowed and not _is_slow_enough():
        return SLOW_S
    if (wait := _count(_key(name, browser or address), MAX_TRIES)) is not None or browser:
        return wait
    return _count(_key(name, EVERYWHERE), MAX_OF_NAME)


def mark(name: str) -> str:
    """A browser's mark once this name has logged in there, for a cookie."""
    return signing.dumps([_normalized(name), get_random_string(12)], salt=SALT)


def browser_of(cookie: str, name: str) -> str:
    """The browser of a mark that was made for this name; empty: it was not, or too long ago."""
    try:
        owner, browser = signing.loads(cookie, salt=SALT, max_age=MARKED)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return f"browser {browser}" if owner == _normalized(name) else ""


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


def forget(name: str, address: str, *, browser: str = "") -> None:
    """Reset the name's count after a successful login, and take that login from the address's."""
    FailedLogin.objects.filter(key__in=[_key(name, browser or address), _key(name, EVERYWHERE)]).delete()
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
    return _hashed(f"{_normalized(name)}\0{_network(address)}")


def _normalized(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().strip()


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
