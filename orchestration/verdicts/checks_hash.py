"""The hash of all that decides the checks' results on a tree: a verdict counts for another tree only when it is the same."""

import hashlib
import json

from orchestration.configuration import Config

JUDGE_VERSION = 1
"""Raised whenever the same evidence would be judged in another way."""


def of(config: Config) -> str:
    """The hash of the workspace's checks, with the names and the hashed values of the environment that they run in."""
    env = {name: hashlib.sha256(value.encode()).hexdigest() for name, value in config.check_env.items()}
    parts = {
        "verify": [check.model_dump(mode="json") for check in config.verify],
        "setup": config.setup,
        "protected": config.protected,
        "env": env,
        "policy": config.pass_policy,
        "judge": JUDGE_VERSION,
    }
    if config.sandbox.network == "private":  # left out else: every stored verdict would be void
        parts["network"] = "private"
    if config.services:
        parts["services"] = [service.model_dump(mode="json") for service in config.services]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
