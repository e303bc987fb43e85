"""The configuration of the store, and of working copies that take their objects from it."""

from functools import lru_cache
from pathlib import Path

from orchestration.git import command as git
from orchestration.git.command import GitError

# What a checkout and a commit of the user's own would obey as well, and what runs no program.
_OBEYED = (
    "core.excludesfile",
    "core.autocrlf",
    "core.eol",
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
    "extensions.objectformat",
)
_CONFIG = """[core]
\tbare = {bare}
\trepositoryformatversion = {version}
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


def text_for(repo: Path, *, is_bare: bool) -> str:
    """The configuration of the store, or of a working copy that takes its objects from it."""
    settings = settings_of(repo)
    version = "1" if "extensions.objectformat" in settings else "0"
    text = _CONFIG.format(bare=str(is_bare).lower(), version=version)
    for name, value in settings.items():
        section, _, key = name.partition(".")
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        text += f'[{section}]\n\t{key} = "{quoted}"\n'
    return text


@lru_cache(maxsize=256)
def settings_of(repo: Path) -> dict[str, str]:
    """The user's settings that decide about file contents. Read once in a process."""
    pattern = "^(" + "|".join(name.replace(".", r"\.") for name in _OBEYED) + ")$"
    code, output, errors = git.attempt(repo, "config", "--get-regexp", "-z", pattern)
    if code not in (0, 1):
        raise GitError("config", errors)
    settings = dict(item.partition("\n")[::2] for item in output.split("\0") if item)
    if path := settings.get("core.excludesfile"):
        settings["core.excludesfile"] = str(Path(path).expanduser())
    return settings
