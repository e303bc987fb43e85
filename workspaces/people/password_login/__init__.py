"""Logging in with a password.

- `login_page`: the page, with a limit of tries; also for a passkey without a password
- `codes`: a second factor, by an app (TOTP) or recovery codes; login links and logins by a provider need none
- `passkeys`: as a second factor, or in place of the password; `ceremonies`: requests to browsers, and their answers
- `second_step`: the page that requests a code or a passkey
- `account_page`: a person's own page of their second factor
"""
