"""Wake-up messages between processes. Losing one costs latency, never work."""
