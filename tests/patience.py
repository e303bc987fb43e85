"""How long a slow test waits at most for what it means. A time limit only ends what hangs: it says nothing of Muster."""

import os

PATIENCE = 3 if os.environ.get("CI") == "true" else 1
"""CI's machines differ by a factor of two, and three files of the slow suites run at once."""
