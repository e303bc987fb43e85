"""Logging in with a password.

- `login_page`: the page, with a limit of tries
- `codes`: a second factor, by an app (TOTP) or recovery codes; login links and logins by a provider need none
- `second_step`: the page that requests a code, and a person's own page of their second factor
"""
