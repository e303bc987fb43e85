"""The factor of slow tests' time limits. A limit only ends what hangs, and is no measure of Muster."""

import os

PATIENCE = 3 if os.environ.get("CI") == "true" else 1
"""CI's machines differ by a factor of two, and four files of the slow suites run at once."""
