"""The certificates of a company's own authority, as the variables of this process name them: for git, agents, setup and checks."""

import os
from pathlib import Path

FILES = ("SSL_CERT_FILE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
FOLDERS = ("SSL_CERT_DIR", "GIT_SSL_CAPATH")


def variables() -> dict[str, str]:
    """Those that are set. Programs that do not read SSL_CERT_FILE get its value by their own name, unless that is set."""
    given = {name: os.environ[name] for name in (*FILES, *FOLDERS) if os.environ.get(name)}
    bundle = given.get("SSL_CERT_FILE")
    return (dict.fromkeys(FILES, bundle) | given) if bundle else given


def places() -> list[str]:
    """The files and folders that they name, as a sandbox must show them."""
    named = variables()
    paths = [named[name] for name in FILES if name in named]
    paths += [path for name in FOLDERS for path in named.get(name, "").split(os.pathsep)]
    return sorted({path for path in paths if "\0" not in path and Path(path).is_absolute() and Path(path).exists()})
