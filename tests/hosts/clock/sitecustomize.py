"""A clock that is off by CLOCK_OFF_S seconds, in every Python process whose path begins here."""

import os
import time

_real = time.time
time.time = lambda: _real() + float(os.environ["CLOCK_OFF_S"])
