"""Single sign-on by OpenID Connect. An app of its own: installed only where its extra and MUSTER_OIDC_ISSUER are there.

- `provider`: requests to the provider, and what its tokens claim; without the database
- `people`: the person of an identity; `groups`: their roles by the provider's groups
- `renewal`: a login goes on, or ends; `middleware` for browsers, `workspaces/people/standing.py` for tokens
- `pages`: the two addresses of a login
"""
