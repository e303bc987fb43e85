"""Server-Sent Events: which pages listen, and what they hear."""
