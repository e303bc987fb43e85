"""One module for each forge: its addresses, its words, and nothing else."""

from collections.abc import Callable, Mapping

from orchestration.forges.adapters.gitea import Gitea
from orchestration.forges.adapters.github import GitHub
from orchestration.forges.adapters.gitlab import GitLab
from orchestration.forges.shape import Forge

MAKERS: Mapping[str, Callable[[str, str, str], Forge]] = {"github": GitHub.of, "gitlab": GitLab.of, "gitea": Gitea.of}
"""By the config's `forge.kind`: url, repository and token give the forge."""
