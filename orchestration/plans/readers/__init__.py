"""Readers of plans: one module for each format. Text in, a plan out; pure.

To add one: a module with a `READER` (reader.py has the shape), and a row here. A package that is installed beside Muster can bring one too: an entry point of the group
`muster.plan_readers`, whose name is the format's, gives its `Reader`.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

import structlog

from orchestration.plans.readers import (
    backlog_md,
    beads,
    json_text,
    markdown,
    open_spec,
    spec_kit,
    task_master,
    yaml_text,
)
from orchestration.plans.readers.shared.reader import Reader

log = structlog.get_logger(__name__)
GROUP = "muster.plan_readers"
BUILT_IN: Mapping[str, Reader] = {
    "markdown": markdown.READER,
    "yaml": yaml_text.READER,
    "json": json_text.READER,
    "backlog_md": backlog_md.READER,
    "spec_kit": spec_kit.READER,
    "open_spec": open_spec.READER,
    "task_master": task_master.READER,
    "beads": beads.READER,
}
"""In the order of menus."""


@cache
def all_readers() -> dict[str, Reader]:
    """By the format's name. One that cannot be imported is logged, and left out; none replaces a built-in one."""
    readers = dict(BUILT_IN)
    for entry_point in entry_points(group=GROUP):
        try:
            reader = entry_point.load()
        except Exception:
            log.exception("plans.reader_broken", name=entry_point.name)
            continue
        if isinstance(reader, Reader):
            readers.setdefault(entry_point.name, reader)
        else:
            log.error("plans.reader_broken", name=entry_point.name)
    return readers
