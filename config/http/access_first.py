"""A caller without the right to an operation is refused before anything is answered about the input, whatever is wrong with it."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja.operation import Operation
from pydantic import BaseModel

from workspaces import access

Run = Callable[..., HttpResponse]


def remember_operation(run: Run) -> Run:
    """For the handlers of errors, which get the request alone."""
    operation: Operation = run.__self__  # type: ignore[attr-defined]

    @wraps(run)
    def remembered(request: HttpRequest, **path: Any) -> HttpResponse:
        request.called = operation, path  # type: ignore[attr-defined]
        return run(request, **path)

    return remembered


def check(request: HttpRequest) -> None:
    """Raises what the called operation's own check of access raises: NotFound, Forbidden. None of its other lines run."""
    operation, path = request.called  # type: ignore[attr-defined]
    view = inspect.unwrap(operation.view_func)
    missing = dict.fromkeys(list(inspect.signature(view).parameters)[1:])
    access.check(lambda: view(request, **{**missing, **path}))


def body_names(request: HttpRequest) -> list[str]:
    """The properties that the called operation's body must have; where it must have none, those that it may have."""
    operation, _ = request.called  # type: ignore[attr-defined]
    for model in operation.models:
        for body in model.model_fields.values() if model.__ninja_param_source__ == "body" else ():
            if isinstance(body.annotation, type) and issubclass(body.annotation, BaseModel):
                fields = body.annotation.model_fields
                required = [field.alias or name for name, field in fields.items() if field.is_required()]
                return required or [field.alias or name for name, field in fields.items()]
    return ["body"]
