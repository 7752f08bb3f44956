"""Which addresses a stranger may make us call. Pure.

Networks: https://www.iana.org/assignments/iana-ipv4-special-registry/ and …/iana-ipv6-special-registry/
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from yarl import URL

PORTS = frozenset((80, 443))
MAX_URL_CHARS = 4096

_INTERNAL_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_PUBLIC_6 = IPv6Network("2000::/3")
"""All that is given out for the public. Not in it: loopback, IPv4-mapped, NAT64, unique local, link-local."""
_INTERNAL_6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
"""Teredo and the like, documentation, 6to4, documentation."""

Origin = tuple[str, int]
"""A host and a port."""


class Unsafe(Exception):
    """Not an address to call; the text says why, without the address's path."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; False for what is none, or carries another one in it."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if ip.version == 4:
        return not any(ip in network for network in _INTERNAL_4)
    return ip.scope_id is None and ip in _PUBLIC_6 and not any(ip in network for network in _INTERNAL_6)


@dataclass(frozen=True, slots=True)
class Allow:
    """The internal places that may be called all the same: hosts at any usual port, hosts at one port, networks."""

    hosts: frozenset[str] = frozenset()
    origins: frozenset[Origin] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, text: str) -> Allow:
        """Comma-separated `host`, `host:port` or `10.1.0.0/16`. Raises ValueError for what is none."""
        hosts, origins, networks = set(), set(), []
        for part in filter(None, (part.strip().lower() for part in text.split(","))):
            if "/" in part:
                networks.append(ip_network(part, strict=False))
            elif (parsed := URL(f"http://{part}")).host is None or parsed.path != "/" or parsed.user is not None:
                raise ValueError(f"'{part}' is no host, host:port or network")
            elif parsed.explicit_port is None:
                hosts.add(parsed.host)
            else:
                origins.add((parsed.host, parsed.explicit_port))
        return cls(frozenset(hosts), frozenset(origins), tuple(networks))

    def __or__(self, other: Allow) -> Allow:
        return Allow(self.hosts | other.hosts, self.origins | other.origins, (*self.networks, *other.networks))

    def names(self, host: str, port: int) -> bool:
        """Whether whatever this host resolves to may be called at `port`."""
        return (host, port) in self.origins or (host in self.hosts and port in PORTS)

    def admits(self, address: str) -> bool:
        """Whether an address that is not public may be called."""
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return any(ip.version == network.version and ip in network for network in self.networks)


NOTHING_INTERNAL = Allow()


def read_url(address: str, allow: Allow) -> URL:
    """`address`, if its scheme, form and port are such as may be called. Raises `Unsafe`."""
    if len(address) > MAX_URL_CHARS:
        raise Unsafe(f"the address has more than {MAX_URL_CHARS} characters")
    try:
        url = URL(address.strip())
        host, port = url.host, url.port
    except (ValueError, TypeError):
        raise Unsafe("the address is no URL") from None
    if url.scheme not in ("http", "https"):
        raise Unsafe("only addresses with http:// or https:// are fetched")
    if not host or port is None or "%" in host:
        raise Unsafe("the address names no host")
    if url.user is not None or url.password is not None:
        raise Unsafe("an address with a user name in it is not fetched")
    if port not in PORTS and not allow.names(host, port):
        raise Unsafe(f"port {port} of {host} is not called: name {host}:{port} in YINGDA_MEDIA_ALLOW if it is yours")
    return url


def check_addresses(host: str, port: int, addresses: list[str], allow: Allow) -> None:
    """Every address that a host resolves to has to be one that may be called. Raises `Unsafe`."""
    if not addresses:
        raise Unsafe(f"{host} has no address")
    if allow.names(host, port):
        return
    for address in addresses:
        if not (is_public(address) or allow.admits(address)):
            raise Unsafe(f"{host} is internal ({address}): name it in YINGDA_MEDIA_ALLOW if it is yours")
