"""Where a connection calls: its base URL, looked at before anything is sent there.

Used by `Exchange` alone.
"""

from __future__ import annotations

from urllib.parse import urlsplit


def address(base_url: str) -> tuple[str, str, bool]:
    """Base URL without trailing slashes, host and port for messages, and whether it is https.

    Raises `ValueError` for what can't be a base URL. The text never holds the URL, which may hold a password.
    """
    wanted = "the base URL must be http://host or https://host, with a port and a path if need be"
    try:
        parts = urlsplit(base_url.strip())
        # A backslash ends the host for some clients, and for others not.
        plain = parts.netloc.isprintable() and not {" ", "\\"} & set(parts.netloc)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and plain
    except ValueError:
        raise ValueError(wanted) from None
    if not known:
        raise ValueError(wanted)
    if parts.username is not None or parts.password is not None:
        raise ValueError("the base URL must hold no user or password")
    if parts.query or parts.fragment:
        raise ValueError("the base URL must hold no query and no fragment")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", parts.netloc, parts.scheme == "https"
