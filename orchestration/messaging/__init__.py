"""Messages between processes. Losing one costs latency, never work.

wake_ups  enqueue a cycle or a session, publish a change to open pages, request a check from session workers
"""
