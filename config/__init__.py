"""Wiring of the Django project. Importing this package stays cheap.

- `env`: all settings that users make; `settings`: Django's settings from them
- `up`, `web`, `work`, `asgi`, `celery`: processes (`preparation`, `preloaded`: what the children of `up` share)
- `urls`, `http`: addresses, errors, the API's rules
- `admin_app`: the admin site
- `sockets`: addresses that processes share
"""
