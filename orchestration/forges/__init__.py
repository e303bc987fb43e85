"""Pull requests on GitHub, GitLab and Gitea.

shape      what all forges have in common: pull requests, checks, comments, and their errors by name
transport  the HTTP client of the adapters: one host, a time limit, conditional requests
adapters   one module for each forge
webhooks   what a forge posts: verified, and reduced to what is to be looked at: pure
texts      title and body of a pull request, with the marker that finds it again: pure
deciding   what follows from what the forge shows: pure
stacking   work that begins from open pull requests
connecting the forge of a workspace
requests   the rows: opened, followed, ended
sync       looks at the forge and does what is decided
"""
