"""Advice for a remote that could not be used, from git's output."""

import re

_CAUSES = (
    (r"took longer than", "It did not answer in time: look at the network and at that server"),
    (
        r"certificate verif|server verification failed|certificate problem|self.signed certificate|unable to get local issuer",
        "Let GIT_SSL_CAINFO or SSL_CERT_FILE name your authority's certificates on this host, and restart its processes",
    ),
    (r"Host key verification failed", "Accept the server's key on this host once: connect to it by ssh"),
    (
        r"Authentication failed|could not read (Username|Password)|Permission denied|Access denied|returned error: 40[13]|HTTP Basic",
        "Give this host a key or a password with which git fetch and git push work without a question",
    ),
    (
        r"Could(n't| not) (resolve|connect)|Failed to connect|Connection (refused|reset)|No route|unreachable|timed out|too slow",
        "Look at the network of this host, and at that server",
    ),
    (
        r"not found|does not appear to be a git repository|does not exist|No such file|not exported",
        "Look at the address, and whether this host's account may see the repository",
    ),
    (
        r"unpacker error|unpack failed|failed to update ref|cannot lock ref|failed to lock|quota|no space left",
        "Look at that server: it could not store what was pushed",
    ),
    (r"remote rejected|declined|pre-receive|protected branch", "Allow this host's account to push there"),
)


def advice(errors: str) -> str:
    """One sentence; empty where the cause is not known."""
    return next((sentence for pattern, sentence in _CAUSES if re.search(pattern, errors, re.IGNORECASE)), "")


def sentence(errors: str, output: str = "") -> str:
    """The advice, else git's own words."""
    return advice(f"{output}\n{errors}") or summary(errors)[-300:]


def summary(errors: str) -> str:
    """Git's own words on one line, without its hints."""
    lines = [line.strip() for line in errors.splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("hint:", "Please make sure", "and the repository")))
