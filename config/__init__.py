"""Wiring of the Django project. Importing this package stays cheap, since `config.up` is a small parent process.

- `env`: all settings that users make; `settings`: Django's settings from them
- `up`, `web`, `work`, `asgi`, `celery`: processes (`apps` loads the Celery app)
- `urls`, `http`: addresses, errors, the API's rules
- `admin_app`: the admin site
- `sockets`: addresses that processes share
"""
