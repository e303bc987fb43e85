"""Names that git keeps for itself on some system, and refuses in every folder (its is_ntfs_dotgit and is_hfs_dotgit). Pure."""

import re

_DOT_GIT = re.compile(r"(\.git|git~1)[. ]*(:.*)?", re.IGNORECASE | re.DOTALL)
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


def is_reserved(name: str) -> bool:
    """True if some system takes this name of a file or folder for `.git`: in other case, by its short name, with dots or blanks after it,
    with a stream, or with invisible characters between."""
    return _DOT_GIT.fullmatch(_IGNORED_BY_HFS.sub("", name)) is not None
