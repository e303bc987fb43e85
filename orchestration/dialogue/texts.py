"""The one shape of what people write to agents."""

from workspaces.errors import Invalid

MAX_CHARS = 4000


def checked(text: str, name: str) -> str:
    """The text as it is kept. Browsers end lines with CR and LF. Raises Invalid with the property's name."""
    kept = text.replace("\r\n", "\n").strip()
    if not 1 <= len(kept) <= MAX_CHARS:
        raise Invalid(f"must have 1 to {MAX_CHARS} characters", name)
    return kept
