"""Parts of every protocol: its interface, the bounds of its requests, and the meters of its answers."""
