"""Addresses of git repositories, which may contain a password."""


def without_password(url: str) -> str:
    """The address to show to people and to pass to processes. In ssh's short form it has no password."""
    scheme, separator, address = url.partition("://")
    host, slash, path = address.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if separator else url
