import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from shop.models import Visit

cache = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)


def visits(request: HttpRequest) -> HttpResponse:
    """The visits so far, by the database and by Redis."""
    Visit.objects.create()
    return HttpResponse(f"<h1>{Visit.objects.count()} visits, {cache.incr('visits')} in Redis</h1>")


def page(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, f"{name}.html")
