"""The forge of a workspace, and its issues, with its credentials, which leave this module for nothing but the forge."""

from orchestration import configuration
from orchestration.configuration import Config, secrets
from orchestration.configuration.config.forge import Forge as ForgeRules
from orchestration.forges import KINDS
from orchestration.forges.shared.interface import Forge, ForgeError, Problem
from orchestration.forges.shared.issues import Tracker
from orchestration.models import Executor
from workspaces.secrets.sealing import Sealed

TOKEN, WEBHOOK_SECRET = secrets.MUSTERS_OWN
NO_FORGE = "The config names no forge: name its kind and the repository there, under forge"


def config_of(workspace_id: str) -> Config:
    return configuration.load(Executor.objects.values_list("config", flat=True).get(pk=workspace_id))


def forge_of(workspace_id: str, config: Config) -> Forge:
    """Raises ForgeError where the config names none, or its token is missing."""
    rules, token = _access(workspace_id, config)
    return KINDS[rules.kind].connect(rules.url, rules.repository, token)


def tracker_of(workspace_id: str, config: Config) -> Tracker:
    """Raises ForgeError as `forge_of`."""
    rules, token = _access(workspace_id, config)
    return KINDS[rules.kind].tracker(rules.url, rules.repository, token)


def _access(workspace_id: str, config: Config) -> tuple[ForgeRules, str]:
    if config.forge is None:
        raise ForgeError(Problem.NOT_FOUND, "The config names no forge")
    try:
        token = secrets.own(workspace_id, TOKEN)
    except Sealed as problem:
        raise ForgeError(Problem.AUTH, str(problem)) from None
    if not token:
        raise ForgeError(Problem.AUTH, f"The secret {TOKEN} is not set")
    return config.forge, token


def obstacle(workspace_id: str, config: Config) -> str:
    """The reason why the forge cannot be asked at all, with what to do; empty: it can. Asks nothing."""
    if config.forge is None:
        return NO_FORGE
    try:
        _access(workspace_id, config)
    except ForgeError as problem:
        return str(problem)
    return ""


def trial(workspace_id: str, base: str) -> str:
    """The reason why the forge cannot be used, as a sentence; empty: it lists pull requests. One request."""
    config = config_of(workspace_id)
    try:
        forge_of(workspace_id, config).list_for("muster/trial", base)
    except ForgeError as problem:
        return str(problem)
    return ""


def webhook_secret(workspace_id: str) -> str:
    """Empty where none is set, or it cannot be unsealed: then no webhook is believed."""
    try:
        return secrets.own(workspace_id, WEBHOOK_SECRET)
    except Sealed:
        return ""
