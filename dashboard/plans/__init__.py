"""Plans: entries read from YAML, JSON or a Markdown checklist, each with its line. Pure."""
