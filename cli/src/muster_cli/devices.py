"""Login by the device grant (RFC 8628): a code on the terminal, confirmed on a page of the server, and a token for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from muster_cli.errors import LoginNeeded, Problem, Refused, Unreachable
from muster_cli.server import UNKNOWN_CALL, Server, error_sentence

CLIENT = "muster-cli"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PAGE = "/account/device/"
SLOWER_S = 5


@dataclass(frozen=True)
class Asked:
    """A login that waits for a person. `page`: where they confirm it, with the code and without."""

    device_code: str
    user_code: str
    page: str
    complete_page: str
    expires_s: float
    interval_s: float


@dataclass(frozen=True)
class Token:
    secret: str
    expires: str


def ask(server: Server) -> Asked | None:
    """Begin a login. None: the server does not know how. It is older, or no Muster."""
    response = server.answer(_form("code", client_id=CLIENT))
    answer = _json(response)
    if response.status_code in UNKNOWN_CALL or (response.is_success and not answer):
        return None
    if response.is_error or not {"device_code", "user_code"} <= answer.keys():
        raise Refused(response.status_code, _sentence(response, answer))
    page = f"{server.url}{PAGE}"  # this address reaches the server: what it calls itself behind a proxy may not
    return Asked(
        str(answer["device_code"]),
        str(answer["user_code"]),
        page,
        f"{page}?code={quote(str(answer['user_code']))}",
        _seconds(answer.get("expires_in"), 600),
        _seconds(answer.get("interval"), 5),
    )


def wait(server: Server, asked: Asked, sleep: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> Token:
    """The token, once the person has confirmed. Raises LoginNeeded when they refuse, or the code expires."""
    ends, interval = clock() + asked.expires_s, asked.interval_s
    form = _form("token", grant_type=GRANT, client_id=CLIENT, device_code=asked.device_code)
    while clock() < ends:
        sleep(interval)
        try:
            response = server.answer(form)
        except Unreachable:  # a laptop that slept, a server that starts again
            interval = min(interval * 2, 60)
            continue
        answer = _json(response)
        if response.is_success and isinstance(answer.get("access_token"), str):
            return Token(answer["access_token"], _expiry(answer.get("expires_in")))
        error = answer.get("error", "" if response.is_error else "invalid")
        if error == "slow_down":
            interval += SLOWER_S
        elif error == "access_denied":
            raise LoginNeeded("The login was refused.")
        elif error == "expired_token":
            break
        elif error != "authorization_pending" and response.status_code < 500:
            raise Problem(f"The login failed: {_sentence(response, answer)}")
    raise LoginNeeded(f"The code has expired: {server.profile.login}")


def revoke(server: Server, secret: str) -> str:
    """End a token at its server. Returns the reason why it is still alive, empty when it is not."""
    try:
        response = server.answer(_form("revoke", token=secret))
    except Problem as problem:
        return str(problem)
    return "" if response.is_success else _sentence(response, _json(response))


def _form(name: str, **values: str) -> dict[str, Any]:
    return {"method": "post", "url": f"/login/device/{name}", "data": values}


def _json(response: Any) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _sentence(response: Any, answer: dict[str, Any]) -> str:
    return str(answer.get("error_description") or answer.get("error") or error_sentence(response))


def _seconds(value: Any, usual: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 86400 else usual


def _expiry(seconds: Any) -> str:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 10**9:
        return ""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")
