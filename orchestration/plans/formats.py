"""From text to a plan in any of the formats; bounded, and every problem has a line."""

from orchestration.plans.readers import all_readers
from orchestration.plans.readers.shared import bundle
from orchestration.plans.readers.shared.items import MAX_BYTES, MAX_ENTRIES, Plan, Problem, Unreadable


def titles() -> dict[str, str]:
    """The formats by name, in the order of menus."""
    return {name: reader.title for name, reader in all_readers().items()}


def guess(text: str) -> str:
    start = text.lstrip("\ufeff \t\r\n")
    return max(all_readers().items(), key=lambda item: item[1].certainty(start))[0]


def parse(text: str, format: str = "") -> Plan:
    """Never raises: unreadable text is a problem of the plan."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    problem = _bad(text)
    chosen = format if format in all_readers() else "yaml" if problem else guess(text)
    if problem := problem or _foreign(text, chosen):
        return Plan(chosen, problems=(problem,))
    reader = all_readers()[chosen]
    try:
        plan = reader.plan(text)
    except Unreadable as error:
        return Plan(chosen, problems=(error.problem,))
    if len(plan.items) > MAX_ENTRIES:
        late = plan.items[MAX_ENTRIES].line
        return Plan(chosen, problems=(Problem(late, f"At most {MAX_ENTRIES} entries at once: these are {len(plan.items)}"),))
    if not plan.items and not plan.problems:
        words = reader.nothing or ("open tasks" if plan.skipped else "entries")
        return Plan(chosen, problems=(Problem(0, f"There are no {words} in this {reader.title}"),), skipped=plan.skipped)
    return plan


def _bad(text: str) -> Problem | None:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return Problem(0, "The plan is larger than 1 MiB")
    for number, line in enumerate(text.split("\n"), start=1):
        if "\x00" in line or any(0xD800 <= ord(c) < 0xE000 for c in line):
            return Problem(number, "This line has NUL or half a character in it")
    return None


def _foreign(text: str, format: str) -> Problem | None:
    for reader in all_readers().values():
        for pattern, sentence in reader.not_plans.items():
            if pattern.match(text):
                return Problem(1, sentence)
    if len(bundle.split(text)) > 1 and not all_readers()[format].several:
        return Problem(0, "Several files are read as tasks of Backlog.md or as one OpenSpec change: import these one by one")
    return None
