"""The same backlog on two hosts of two slots, and on one host of four."""
