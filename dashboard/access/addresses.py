"""Addresses: what stays on this machine, and what lies in a network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Headers in which proxies name whom they forward for, one each.
ONE_ADDRESS = (
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-original-forwarded-for",
    "cf-connecting-ip",
    "true-client-ip",
    "x-envoy-external-address",
)
FORWARDING = frozenset((*ONE_ADDRESS, "via", "x-original-host", "tailscale-user-login"))


def is_loopback(host: str) -> bool:
    """Whether an address or name stays on this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name of a Host header, without its port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def is_forwarded(headers: Mapping[str, str]) -> bool:
    """Whether a proxy or tunnel left a trace of itself in the headers."""
    for name in headers:
        low = name.lower()
        if low in FORWARDING or low.startswith("x-forwarded-"):
            return True
    return False


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks such as ``10.0.0.0/8``; a plain address is a network of one.

    Raises ``ValueError`` with a sentence that names the one that is none.
    """
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise ValueError(
                f"{text!r} is no network; write it like 10.0.0.0/8 or 192.168.1.5."
            ) from None
    return tuple(found)


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    try:
        found = ipaddress.ip_address(address.strip().strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)


@lru_cache(maxsize=256)
def is_own(address: str) -> bool:
    """Whether an address is one of this machine's: only such can be bound."""
    try:
        found = ipaddress.ip_address(address)
        if found.is_unspecified or found.is_multicast:
            return False
        family = socket.AF_INET6 if found.version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except (OSError, ValueError):
        return False
    return True


def forwarded_for(headers: Mapping[str, str]) -> list[str]:
    """The addresses that proxies say to have forwarded for, the first first."""
    text = headers.get("x-forwarded-for", "") or ""
    return [part.strip() for part in text.split(",") if part.strip()]


def claimed(headers: Mapping[str, str]) -> list[str]:
    """All that any proxy's header says of where a request comes from.

    What ``Forwarded`` says is told as it stands: no address, so in no network.
    """
    told = (headers.get(name, "") or "" for name in ONE_ADDRESS)
    return [*forwarded_for(headers), *(text for text in told if text)]


def visitor(peer: str, headers: Mapping[str, str], proxies: Iterable[Network]) -> str:
    """The address of who asks: of trusted proxies' claims the last that is none's.

    Further to the left stands what the visitor wrote.
    """
    found, trusted = peer, tuple(proxies)
    for address in reversed(forwarded_for(headers)):
        if not is_within(found, trusted):
            break
        found = address
    return found
