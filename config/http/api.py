"""The API: credentials, strict JSON, and every error in one of the contract's two shapes."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import wraps
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
from config.http import access_first, errors
from orchestration.api import router as orchestration
from orchestration.api.workspaces import router as workspaces
from workspaces import access
from workspaces.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthorized
from workspaces.notices.api import router as notices
from workspaces.people import tokens
from workspaces.people.me import router as me
from workspaces.schemas import property_path

log = structlog.get_logger(__name__)


class Token(HttpBearer):
    """`Authorization: Bearer <token>`. An invalid token is refused even with a valid cookie."""

    def authenticate(self, request: HttpRequest, token: str) -> access.Caller:
        api_token = tokens.find(token)
        if api_token is None:
            raise Unauthorized(tokens.why_void(token))
        tokens.mark_used(api_token)
        return access.of_token(api_token)


class Browser(APIKeyCookie):
    """The browser's session, with CSRF for everything that writes."""

    param_name: str = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> access.Caller | None:
        """Anonymous requests get 401, never a CSRF error."""
        return super().__call__(request) if request.user.is_authenticated else None

    def authenticate(self, request: HttpRequest, key: str | None) -> access.Caller | None:
        return access.of_user(request.user) if request.user.is_authenticated else None


class NotJson(ValueError):
    """The body cannot be read. `names`: the properties at fault, if known."""

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.names = names


class StrictJson(Parser):
    """JSON as the contract requires: application/json, no NaN, no duplicate keys, exact decimals."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise NotJson("The body must be sent as application/json")
        return json.loads(request.body, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object)


def _no_constant(name: str) -> Any:
    """A value that validation refuses later, so that the response names its property."""
    return Decimal(name)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise NotJson("An object has a key twice", *sorted({name for name in names if names.count(name) > 1}))
    return result


NAMED_BODIES = {"agent.orchestration.budgetUpdateGlobal": "Data", "agent.orchestration.budgetEdit": "data"}


class RequestBodies(OpenAPISchema):
    """Inlines request bodies, so that generated calls take their properties. The two of `NAMED_BODIES` are a `$ref` to a component of
    that name, so that generated calls take one argument `data`, as the reference spells them."""

    def request_body(self, operation: Any) -> dict[str, Any]:
        body = super().request_body(operation)
        name = NAMED_BODIES.get(operation.operation_id)
        for content in body.get("content", {}).values():
            content["schema"] = self._inline(content["schema"])
            if name:
                self.schemas[name] = content["schema"] | {"title": name}
                content["schema"] = {"$ref": f"#/components/schemas/{name}"}
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
        return RequestBodies(self, self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)


api = MusterAPI(
    title="Muster",
    version="1",
    description="Control and observe the dispatch of coding agents over a backlog, under a budget.",
    auth=[Token(), Browser()],
    parser=StrictJson(),
    docs_url=None,
    openapi_url="/openapi.json",
)
WHOLE_BODY = ("body", "body")
PREFIX = "/workspaces/{workspaceID}/orchestration"


def only_known_queries(view: Callable[..., Any]) -> Callable[..., Any]:
    """A query parameter that is unknown or given twice gets 400, so that a typing error is noticed."""
    models = view._ninja_operation.models  # type: ignore[attr-defined]
    known = {name for model in models if model.__ninja_param_source__ == "query" for name in model.__ninja_flatten_map__}

    @wraps(view)
    def checked(request: HttpRequest, **values: Any) -> Any:
        unknown = request.GET.keys() - known
        twice = [name for name, given in request.GET.lists() if len(given) > 1]
        if unknown or twice:
            access_first.check(request)
        if unknown:
            raise Invalid("Unknown query parameter", *sorted(unknown))
        if twice:
            raise Invalid("May be given only once", *twice)
        return view(request, **values)

    return checked


api.add_decorator(access_first.remember_operation, mode="view")
api.add_decorator(only_known_queries)
api.add_router("/workspaces", workspaces)
api.add_router("/me", me)
api.add_router(PREFIX, orchestration)
api.add_router(PREFIX, budget)
api.add_router(PREFIX, notices)


def _reply(request: HttpRequest, body: dict[str, Any], status: int) -> HttpResponse:
    return api.create_response(request, body, status=status)


def after_access(answer: Callable[[HttpRequest, Any], HttpResponse]) -> Callable[[HttpRequest, Any], HttpResponse]:
    """An answer about the input, for a caller who may call the operation; else the refusal."""

    @wraps(answer)
    def checked(request: HttpRequest, error: Any) -> HttpResponse:
        try:
            access_first.check(request)
        except (Forbidden, NotFound) as refusal:
            return api.on_exception(request, refusal)
        return answer(request, error)

    return checked


@api.exception_handler(Invalid)
def _invalid(request: HttpRequest, error: Invalid) -> HttpResponse:
    return _reply(request, errors.invalid(error.message, *error.names), 400)


@api.exception_handler(ValidationError)
@after_access
def _validation_failed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Pydantic's problems, each with its property, without the name of the body's parameter."""
    problems = []
    for problem in error.errors:
        loc = problem["loc"]
        name = property_path((*loc[2:],) if loc[0] == "body" else (*loc[1:],), unknown=problem["type"] == "extra_forbidden")
        is_no_object = loc == WHOLE_BODY and problem["type"] in ("missing", "model_attributes_type", "model_type", "dict_type")
        names = access_first.body_names(request) if is_no_object else [name] if name else []
        item = {"propertyNames": names, "message": _sentence(problem)}
        if item not in problems:
            problems.append(item)
    return _reply(request, {"data": {}, "errors": problems, "success": False}, 400)


def _sentence(problem: dict[str, Any]) -> str:
    if problem["loc"] == WHOLE_BODY and problem["type"] == "missing":
        return "The body is missing: send a JSON object"
    return str(problem["msg"]).removeprefix("Value error, ")


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Errors of ninja itself: a browser's call without a CSRF token, and a body that is not JSON."""
    if error.status_code == 403:
        return _reply(request, errors.named("ForbiddenError", "CSRF check failed: send the X-CSRFToken header"), 403)
    return _not_json(request, error)


@after_access
def _not_json(request: HttpRequest, error: HttpError) -> HttpResponse:
    cause = error.__cause__
    if isinstance(cause, NotJson):
        return _reply(request, errors.invalid(str(cause), *cause.names), 400)
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
    response = _reply(request, errors.named("ForbiddenError", error.message), 403)
    if error.roles:
        response["Muster-Roles"] = ", ".join(error.roles)
    return response


@api.exception_handler(Conflict)
def _conflict(request: HttpRequest, error: Conflict) -> HttpResponse:
    return _reply(request, errors.named("ConflictError", error.message), 409)


@api.exception_handler(TooMany)
def _too_many(request: HttpRequest, error: TooMany) -> HttpResponse:
    response = _reply(request, errors.named("TooManyRequestsError", error.message), 429)
    response["Retry-After"] = str(error.wait)
    return response


@api.exception_handler(NotFound)
def _not_found(request: HttpRequest, error: NotFound) -> HttpResponse:
    return _reply(request, errors.named("NotFoundError", error.message), 404)


@api.exception_handler(Http404)
def _http404(request: HttpRequest, error: Http404) -> HttpResponse:
    return _reply(request, errors.named("NotFoundError", "Not found"), 404)


@api.exception_handler(OperationalError)
def _busy(request: HttpRequest, error: OperationalError) -> HttpResponse:
    """The database is unavailable or busy: the change was rolled back, and a retry may succeed."""
    log.error("database.unavailable", error=str(error))
    return errors.unavailable(request, error)


urlpatterns = api.urls[0]
