"""The one API: credentials, JSON as strict as the contract, and every error turned into one of its two shapes."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.security import HttpBearer
from ninja.security.apikey import APIKeyCookie

from budget.api import router as budget
from config import errors
from orchestration.api import router as orchestration
from orchestration.api.workspaces import router as workspaces
from workspaces import access, tokens
from workspaces.errors import Forbidden, Invalid, NotFound, Unauthorized

log = structlog.get_logger(__name__)


class Token(HttpBearer):
    """`Authorization: Bearer <token>`. A bad one is refused even beside a good cookie."""

    def authenticate(self, request: HttpRequest, token: str) -> access.Caller:
        found = tokens.find(token)
        if found is None:
            raise Unauthorized("The token is unknown, expired or revoked")
        return access.of_token(found)


class Browser(APIKeyCookie):
    """The browser's session, with CSRF for everything that writes."""

    param_name: str = settings.SESSION_COOKIE_NAME

    def authenticate(self, request: HttpRequest, key: str | None) -> access.Caller | None:
        return access.of_user(request.user) if request.user.is_authenticated else None


class StrictJson(Parser):
    """JSON as the contract wants it: application/json, no NaN, no duplicate keys, decimals kept exactly."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise ValueError("the body must be application/json")
        return json.loads(request.body, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


class InlineBodies(OpenAPISchema):
    """Request bodies stand inline: a `$ref` there makes generators produce another call shape (contract.md)."""

    def request_body(self, operation: Any) -> dict[str, Any]:
        body = super().request_body(operation)
        for content in body.get("content", {}).values():
            content["schema"] = self._inline(content["schema"])
        return body

    def _inline(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._inline(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return self._inline(self.schemas[schema["$ref"].rsplit("/", 1)[-1]])
        return {key: self._inline(value) for key, value in schema.items()}


class MusterAPI(NinjaAPI):
    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> OpenAPISchema:
        return InlineBodies(self, self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)


api = MusterAPI(
    title="Muster",
    version="1",
    description="Control and observe the dispatch of coding agents over a backlog, under a budget.",
    auth=[Token(), Browser()],
    parser=StrictJson(),
    docs_url=None,
    openapi_url="/openapi.json",
)
PREFIX = "/workspaces/{workspaceID}/orchestration"
api.add_router("/workspaces", workspaces)
api.add_router(PREFIX, orchestration)
api.add_router(PREFIX, budget)


def _reply(request: HttpRequest, body: dict[str, Any], status: int) -> HttpResponse:
    return api.create_response(request, body, status=status)


@api.exception_handler(Invalid)
def _invalid(request: HttpRequest, error: Invalid) -> HttpResponse:
    return _reply(request, errors.invalid(error.message, *error.names), 400)


@api.exception_handler(ValidationError)
def _unfit(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Pydantic's findings: the place of each, without the name of the parameter that took the body."""
    found = []
    for problem in error.errors:
        place = [str(part) for part in problem["loc"]]
        name = ".".join(place[2:] if place[0] == "body" and len(place) > 1 else place[1:])
        found.append({"propertyNames": [name] if name else [], "message": _sentence(problem)})
    return _reply(request, {"data": {}, "errors": found, "success": False}, 400)


def _sentence(problem: dict[str, Any]) -> str:
    return str(problem["msg"]).removeprefix("Value error, ")


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _reply(request, errors.invalid("The body is not a JSON object sent as application/json"), 400)


@api.exception_handler(Unauthorized)
@api.exception_handler(AuthenticationError)
def _unauthorized(request: HttpRequest, error: Exception) -> HttpResponse:
    message = error.message if isinstance(error, Unauthorized) else "Send `Authorization: Bearer <token>`"
    response = _reply(request, errors.named("UnauthorizedError", message), 401)
    response["WWW-Authenticate"] = 'Bearer realm="muster"'
    return response


@api.exception_handler(Forbidden)
def _forbidden(request: HttpRequest, error: Forbidden) -> HttpResponse:
    return _reply(request, errors.named("ForbiddenError", error.message), 403)


@api.exception_handler(NotFound)
def _not_found(request: HttpRequest, error: NotFound) -> HttpResponse:
    return _reply(request, errors.named("NotFoundError", error.message), 404)


@api.exception_handler(Http404)
def _no_such_thing(request: HttpRequest, error: Http404) -> HttpResponse:
    return _reply(request, errors.named("NotFoundError", "Not found"), 404)


@api.exception_handler(OperationalError)
def _busy(request: HttpRequest, error: OperationalError) -> HttpResponse:
    """The database is away or busy: nothing was done, and it is worth asking again."""
    log.error("database.unavailable", error=str(error))
    response = _reply(request, errors.named("UnavailableError", "The database does not answer. Try again."), 503)
    response["Retry-After"] = "2"
    return response
