"""Plans of work: entries read from files of several tools, compared with the backlog, and imported.

`readers` has one module for each format, `formats` chooses among them. `checking` holds each entry to the API's schema and resolves its
dependencies. `difference` compares a plan with what is on the backlog; `importing` reads the backlog, previews and applies.
"""
