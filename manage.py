"""Django's command line, for `./muster manage ...`."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line  # only once the settings are named

    from config import env

    env.exit_if_bad()
    env.warn_of_unknown()

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
