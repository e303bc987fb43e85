"""An agent that never finishes: twice a second it says what it does, writes a line of log and reports a request that it paid for."""

import itertools
import json
import time

for number in itertools.count(1):
    print(json.dumps({"type": "text", "text": f"step {number}"}))
    print(f"line {number}")
    print(json.dumps({"type": "usage", "id": str(number), "model": "m", "cost_usd": 0.0011}), flush=True)
    time.sleep(0.5)
