"""Secrets in text that others made: what forges, providers, git, channels and agents answer may repeat the secret that they were given.

`foreign` is the one way of such text into an error, a column or a log line. It knows every secret that this process has used; a block that
works for one workspace says whose secrets they are (`hiding`), so that no other workspace's are named there. Pure.
"""

import base64
import html
import json
import re
import shlex
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

MIN_MASKED = 6  # shorter values would black out half of any log
MIN_ENCODED = 8
LONG_WORD = 24  # of a multi-line value: a line of base64, not an English word
MAX_KNOWN = 4000
OWN_TOKEN = re.compile(r"muster_[A-Za-z0-9_-]{30,}")
"""Muster's own tokens are known by their form: also one that another process gave out."""
_SENSITIVE = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.I)

_known: OrderedDict[str, str] = OrderedDict()
_seen: dict[str, str] = {}
_lock = threading.Lock()


class Mask:
    """Replaces known secrets in text that is stored or shown, as they are and as URL, JSON, HTML, shell and base64 have them."""

    def __init__(self, secrets: Mapping[str, str], more: Mapping[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        self._whole: dict[str, str] = {}
        also = {name: value for name, value in (more or {}).items() if _SENSITIVE.search(name)}
        self.learn({**also, **secrets})

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Mask these too, from now on."""
        whole = {part: name for name, value in secrets.items() for part in _parts(value)}
        named = {form: name for part, name in whole.items() for form in _forms(part)}
        self._whole, self._names = {**self._whole, **whole}, {**self._names, **named, **whole}
        _remember(named)

    def __call__(self, text: str) -> str:
        """The beginning or end of a secret at an edge of the text is masked too: text may have been cut there."""
        return _replaced(_without_ends(text, self._whole), self._names)

    def names_in(self, text: str) -> list[str]:
        """The secrets that a text contains."""
        return sorted({self._names[form] for form in _matches(text, self._names)})


_in_force: ContextVar[tuple[Mask, ...]] = ContextVar("masks", default=())


@contextmanager
def hiding(*masks: Mask) -> Iterator[None]:
    """Mask these secrets, too, in all foreign text of this block and thread."""
    token = _in_force.set((*_in_force.get(), *masks))
    try:
        yield
    finally:
        _in_force.reset(token)


def hide(mask: Mask) -> Mask:
    """Hide its secrets too until the innermost `hiding` ends."""
    _in_force.set((*_in_force.get(), mask))
    return mask


def foreign(text: str, limit: int | None = None) -> str:
    """Text that others made, without secrets; masked before it is cut to `limit` characters."""
    masks = _in_force.get()
    text = server(OWN_TOKEN.sub("[secret token]", text))
    for mask in masks:
        text = mask(text)
    if not masks:
        text = without_known(text)
    return text[:limit]


def without_known(text: str) -> str:
    """The text without any secret that this process has used, and without their names."""
    return _replaced(OWN_TOKEN.sub("[secret token]", text), _seen)


def in_all(value: Any, mask: Any = foreign) -> Any:
    """The same value with every text in it masked: of lists and objects, keys too."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(key) if isinstance(key, str) else key: in_all(inner, mask) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_all(inner, mask) for inner in value]
    return value


def of_url(url: str, name: str = "password") -> dict[str, str]:
    """The secrets in an address: its password, or its user where that is all it has, as GitHub's token."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return {}
    secret = parts.password or (parts.username if parts.scheme in ("http", "https") else "")
    return {name: unquote(secret)} if secret else {}


def _remember(parts: Mapping[str, str]) -> None:
    global _seen
    with _lock:
        for part in parts:
            _known[part] = ""
            _known.move_to_end(part)
        while len(_known) > MAX_KNOWN:
            _known.popitem(last=False)
        if _known.keys() != _seen.keys():
            _seen = dict(_known)  # replaced, never changed: others read it meanwhile


def forget() -> None:
    """Forget all secrets, as in a new process."""
    global _seen
    with _lock:
        _known.clear()
        _seen = {}


def _replaced(text: str, names: Mapping[str, str]) -> str:
    pattern = _pattern(text, names)
    return re.sub(pattern, lambda match: _word(names[match.group()]), text) if pattern else text


def _matches(text: str, names: Mapping[str, str]) -> list[str]:
    pattern = _pattern(text, names)
    return re.findall(pattern, text) if pattern else []


def _pattern(text: str, names: Mapping[str, str]) -> str:
    """A pattern of the secrets that the text contains, the longest first; looking for each is faster than one pattern of all."""
    return "|".join(re.escape(part) for part in sorted((part for part in names if part in text), key=len, reverse=True))


def _word(name: str) -> str:
    return f"[secret {name}]" if name else "[secret]"


def _without_ends(text: str, whole: Mapping[str, str]) -> str:
    for part, name in whole.items():
        if len(part) < 2 * MIN_ENCODED:
            continue
        tail, head = max(len(text) - len(part) + 1, 0), len(part) - 1
        if (at := text.find(part[:MIN_ENCODED], tail)) >= 0 and part.startswith(text[at:]):
            text = text[:at] + _word(name)
        elif (at := text.rfind(part[-MIN_ENCODED:], 0, head)) >= 0 and part.endswith(text[: at + MIN_ENCODED]):
            text = _word(name) + text[at + MIN_ENCODED :]
    return text


def _parts(value: str) -> list[str]:
    """The parts of a value to mask: the whole value, and each long word of a key file, because logs show it line by line."""
    words = [word for word in value.split() if len(word) >= LONG_WORD] if "\n" in value.strip() else []
    return [part for part in {value, value.strip(), *words} if len(part) >= MIN_MASKED]


def _forms(part: str) -> Iterable[str]:
    """The same secret as a program may print it."""
    escaped = {quote(part, safe=""), quote(part), quote_plus(part)}
    escaped |= {re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), form) for form in escaped}
    written = {json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], html.escape(part), repr(part)[1:-1]}
    written |= {form.replace("/", "\\/") for form in written} | {shlex.quote(part).strip("'")}
    encoded = [core for shift in range(3) for core in _in_base64(part, shift)]
    return {part, *escaped, *written, *(core for core in encoded if len(core) >= MIN_ENCODED)}


def _in_base64(part: str, shift: int) -> tuple[str, str]:
    """The characters that all base64 has in common which contains the secret after `shift` bytes, plus any number of three: as Basic
    authentication does after a user's name."""
    data = bytes(shift) + part.encode("utf-8", "surrogatepass")
    begin, end = (0, 2, 3)[shift], len(data) * 8 // 6
    return base64.b64encode(data).decode()[begin:end], base64.urlsafe_b64encode(data).decode()[begin:end]


NO_MASK = Mask({})
server = Mask({})
"""The secrets of the server itself, which are masked everywhere."""
