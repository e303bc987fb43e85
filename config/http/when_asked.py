"""Addresses whose modules are loaded when the first of them is asked for."""

from django.urls.resolvers import RoutePattern, URLResolver


class WhenAsked(URLResolver):
    """`include` of a module whose addresses no page names: Django reads each included module when it makes the first address from a name.

    The API takes half a second of CPU to load, which the first page need not wait for; the web server loads it a second later (config/web.py).
    """

    def __init__(self, route: str, module: str, *, namespace: str) -> None:
        super().__init__(RoutePattern(route), module, app_name=namespace, namespace=namespace)

    def _populate(self) -> None:
        """Django reads the names here. A name with this namespace is looked up without it."""
