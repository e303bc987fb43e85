"""`python -m config.up`."""

import sys

from config.up import supervisor

sys.exit(supervisor.main())
