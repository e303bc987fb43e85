"""The process and its surroundings: environment, addresses, sockets, logs, database connections."""
