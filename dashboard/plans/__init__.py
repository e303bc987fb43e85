"""A backlog written down elsewhere: read from YAML, JSON or a Markdown checklist, each entry with the line that it stands on. Pure."""
