"""Commands that write entries: `add`, `edit` and `remove`."""
