"""By which names a server lets itself be called."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """True of an address or name that only this machine can reach."""
    address = _address(host)
    return address.is_loopback if address is not None else host.lower() == "localhost"


@dataclass(frozen=True)
class Hosts:
    """Names and addresses that a request's ``Host`` may hold.

    A page of another site can give its own name an address of this machine (DNS rebinding), and a
    browser would then let it read our answers; it asks under its own name, so that names decide. An
    address that was asked for as such is nobody's name.

    Attributes:
        bound: what the server is bound to.
        more: further names, lower case.
    """

    bound: str
    more: frozenset[str] = frozenset()

    @classmethod
    def of(cls, bound: str, more: Iterable[str] = ()) -> Hosts:
        """Those of a server bound to ``bound``: beyond loopback it answers to its machine's name too."""
        own = (
            ()
            if is_loopback(bound)
            else (bound, socket.gethostname(), socket.getfqdn(), f"{socket.gethostname()}.local")
        )
        return cls(bound, frozenset(name.lower() for name in (*own, *more)))

    def allow(self, header: str) -> bool:
        """True where a ``Host`` header, with or without a port, names this server."""
        try:
            parts = urlsplit(f"//{header}")
            host = parts.hostname or ""
            _ = parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return False
        address = _address(host)
        if address is not None and not is_loopback(self.bound):
            return True
        return is_loopback(host) or host in self.more


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
