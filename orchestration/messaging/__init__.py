"""Messages between processes. Losing one costs latency, never work.

wake_ups  enqueue a cycle or a session, publish a change to open pages, request a check from session workers
publishing   sends within a second, without a retry
broker_keys  deletes keys of a wrong type
"""
