"""The addresses of the database and the broker: one address each, or in parts, which need no encoding. Standard library only, since `up`
imports it."""

from typing import Any
from urllib.parse import quote

from config.system import env


def broker() -> str:
    """The address of Redis or Valkey. Empty: the embedded one."""
    host = env.read("REDIS_HOST")
    if not host:
        return env.read("REDIS_URL")
    user, password = (quote(text, safe="") for text in (env.read("REDIS_USER"), env.read("REDIS_PASSWORD")))
    login = f"{user}:{password}@" if user or password else ""
    port = env.value("REDIS_PORT")
    return f"redis://{login}{f'[{host}]' if ':' in host else host}:{port}/0"


def database_parts() -> dict[str, Any] | None:
    """The parts of PostgreSQL's address, as Django names them. None: DATABASE_HOST is not set."""
    if not env.read("DATABASE_HOST"):
        return None
    return {
        "HOST": env.read("DATABASE_HOST"),
        "PORT": env.value("DATABASE_PORT"),
        "NAME": env.read("DATABASE_NAME"),
        "USER": env.read("DATABASE_USER"),
        "PASSWORD": env.read("DATABASE_PASSWORD"),
    }
