"""Addresses of git repositories, which may contain a password."""


def without_password(url: str) -> str:
    """For people, and for the arguments of processes. An address in ssh's short form has none."""
    scheme, separator, address = url.partition("://")
    host, slash, path = address.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if separator else url
