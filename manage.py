"""Django's command line, for `./muster manage ...`."""

import gc
import os
import sys


def main() -> None:
    gc.disable()  # what is being loaded stays: collections would only read it again and again
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django  # only once the settings are named
    from django.core.management import execute_from_command_line

    from config.system import env

    env.exit_if_bad()
    env.warn_of_unknown()
    django.setup()
    gc.freeze()
    gc.enable()
    from config import prepared  # needs the apps

    prepared.wait_for(sys.argv[1:])
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
