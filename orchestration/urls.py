"""The pages, and the stream of hints."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
