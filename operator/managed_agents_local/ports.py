"""Free TCP ports on 127.0.0.1.

Called by whoever starts a server that can't pick one by itself and say which.
"""

import socket


def free(count: int) -> list[int]:
    """`count` different ports that nobody listened on a moment ago.

    They are not reserved: a server that finds its port taken after all ends at its start, and is tried again.
    """
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
