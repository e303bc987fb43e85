"""Hatchling's hook: a wheel contains the API's client, which is generated from openapi.json while the wheel is built."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ClientHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        sys.path.insert(0, self.root)
        import generate

        generate.write_client(root / "openapi.json", root / "src" / "muster_client")
