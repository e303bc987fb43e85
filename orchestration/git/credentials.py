"""The credentials of a git command of the network, which its remote may repeat: its answers are masked where they are read."""

import base64
import binascii
from collections.abc import Mapping, Sequence

from workspaces.secrets.masking import Mask, of_url

NETWORK = ("clone", "fetch", "ls-remote", "push", "remote", "submodule")


def mask(command: Sequence[str], env: Mapping[str, str], remotes: str) -> Mask:
    """`remotes`: the addresses that the repository's own configuration names, a key and a value a line."""
    secrets: dict[str, str] = {}
    addresses = [*command, *(line.partition(" ")[2] for line in remotes.splitlines())]
    for address in addresses:
        if parts := of_url(address):
            secrets[f"of the repository{len(secrets) or ''}"] = parts["password"]
    for name, value in env.items():
        if name.startswith("GIT_CONFIG_VALUE_"):
            secrets |= _of_header(value)
    return Mask(secrets)


def _of_header(header: str) -> dict[str, str]:
    """The credentials of an Authorization header; of Basic ones the password too."""
    credentials = header.rpartition(" ")[2]
    secrets = {"of the request": credentials}
    if " basic " in f" {header.lower()} ":
        try:
            password = base64.b64decode(credentials, validate=True).decode("utf-8", "replace").partition(":")[2]
        except (binascii.Error, ValueError):
            return secrets
        secrets["of the repository"] = password
    return secrets
