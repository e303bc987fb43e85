"""`python -m tests.cli.document` writes cli/openapi.json, from which the client is generated."""

import json
from typing import Any

from tests.cli.package import CLI


def text(document: dict[str, Any]) -> str:
    """The document in its canonical form: sorted, a line for each value, so that a new call is a small difference."""
    return json.dumps(json.loads(json.dumps(document, default=str)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from tests.contract.operations import DOCUMENT  # which needs the settings

    (CLI / "openapi.json").write_text(text(DOCUMENT))


if __name__ == "__main__":
    main()
