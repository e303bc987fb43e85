"""The service manager that started this process, such as systemd. It listens at NOTIFY_SOCKET."""

import os
import socket
from contextlib import suppress

INTERRUPT_S = 30.0
"""Seconds that remain after the drain, to interrupt what is still at work. The units, compose and the chart give the same."""


def extend_stop(drain_s: float) -> None:
    """Ask for the time that the drain takes, so that MUSTER_DRAIN_S is the only number. Without a service manager nothing is sent."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        abstract = address.startswith("@")
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.connect(f"\0{address[1:]}" if abstract else address)
            listener.send(b"EXTEND_TIMEOUT_USEC=%d" % ((drain_s + INTERRUPT_S) * 1e6))
