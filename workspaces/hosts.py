"""This host: all processes that share a data directory. Each host has an id of its own, which its data directory keeps."""

import os
import secrets
from functools import lru_cache
from pathlib import Path

from django.conf import settings


def host_id() -> str:
    """The id of this host, made at the first call."""
    return id_in(Path(settings.DATA_DIR))


@lru_cache(maxsize=8)
def id_in(folder: Path) -> str:
    """The id that this data directory keeps."""
    file = folder / "host_id"
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".host_id.{secrets.token_hex(4)}"
    fresh.write_text(f"host_{secrets.token_hex(8)}")
    try:
        os.link(fresh, file)  # whole, and never over another process's
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return file.read_text().strip()
