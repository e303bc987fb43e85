"""The reply to a form without script: the result line that the next page shows, or the question before it acts."""

from typing import Any

from django.contrib.messages import get_messages


def result(response: Any) -> tuple[str, str]:
    """The newest result line and its tone."""
    assert response.status_code == 303, (response.status_code, response.content[:300])
    *_, message = get_messages(response.wsgi_request)
    return str(message), str(message.extra_tags)


def question(response: Any) -> dict[str, Any]:
    """The confirmation, without where it leads back to and how it is signed."""
    assert response.status_code == 409, response.status_code
    asked = dict(response.context["confirmation"])
    fields = {name: value for name, value in asked["fields"].items() if name != "confirm"}
    return {name: asked[name] for name in ("title", "sentence", "button", "action", "points")} | {"fields": fields}
