"""The first process of a sandbox listens for the worker's proxy."""

import socket
import threading

from orchestration.processes.shim import sandbox_init


def test_it_waits_for_a_port_that_the_proxy_of_the_process_before_still_closes() -> None:
    """The second process of a stage starts while the worker ends the proxy of the first."""
    before = socket.create_server(("127.0.0.1", 0))
    port = before.getsockname()[1]
    worker, handed = socket.socketpair()
    threading.Timer(0.3, before.close).start()
    worker.sendall(b".")
    sandbox_init.listen(handed.detach(), str(port))
    _, [number], _, _ = socket.recv_fds(worker, 1, 1)
    with worker, socket.socket(fileno=number) as listener:
        assert listener.getsockname() == ("127.0.0.1", port)
        socket.create_connection(listener.getsockname(), timeout=5).close()
