"""`/metrics`, for Prometheus: behind an API token, which says whose workspaces it shows."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from orchestration.metrics import Collector
from workspaces.access import of_token
from workspaces.people import tokens


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """A token for one workspace shows that one; of an agent's session none is accepted, and of those that stand for their owner a superuser's."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = tokens.find(secret.strip()) if scheme.lower() == "bearer" else None
    if token is None or token.session_ref or (token.stands_for_owner and not of_token(token).everywhere):
        sentence = "Send an API token: Authorization: Bearer ... (./muster token create prometheus --role viewer)\n"
        return HttpResponse(sentence, status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"})
    tokens.mark_used(token)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(token.workspace_id))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
