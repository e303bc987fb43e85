"""A small plan in each format, for the page and docs/how-to/write-plans.md. All have the same content."""

YAML = """\
entries:
  - ref: parse
    content: |
      Parse dates in words
      "2h 5m" must give 7500.
    priority: high
    budget_usd: 2
    spec:
      files_to_modify: [shop/dates.py]
      acceptance_criteria:
        - Minutes and hours are understood
  - content: Use them in the importer
    depends_on: [parse]
    spec:
      files_to_modify: [shop/importer.py]
"""

JSON = """\
{"entries": [
  {"ref": "parse", "content": "Parse dates in words\\n\\"2h 5m\\" must give 7500.",
   "priority": "high", "budget_usd": 2,
   "spec": {"files_to_modify": ["shop/dates.py"],
            "acceptance_criteria": ["Minutes and hours are understood"]}},
  {"content": "Use them in the importer", "depends_on": ["parse"],
   "spec": {"files_to_modify": ["shop/importer.py"]}}
]}
"""

MARKDOWN = """\
- [ ] Parse dates in words (ref: parse)
  "2h 5m" must give 7500.
  - Minutes and hours are understood
  - files: shop/dates.py
  - priority: high
  - budget: $2
- [ ] Use them in the importer (after: parse)
  - files: shop/importer.py
- [x] Choose a date library
"""

SAMPLES = {"markdown": ("Markdown checklist", MARKDOWN), "yaml": ("YAML", YAML), "json": ("JSON", JSON)}
