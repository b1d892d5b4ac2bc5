"""Who asks: the address that a request comes from, in the form in which people are told apart.

It does not know what is asked.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from starlette.requests import HTTPConnection

_ONE_HOUSEHOLD = 64  # bits of IPv6 that are given out as one (RFC 6177): whoever has one address has 2^64


def address_of(host: str) -> IPv4Address | IPv6Address:
    """An address; one of IPv4 that a socket of both kinds tells as ::ffff:10.0.0.1 is 10.0.0.1.

    Raises:
        ValueError: It is none.
    """
    address = ip_address(host)
    return address if isinstance(address, IPv4Address) else address.ipv4_mapped or address


def asker(asked: HTTPConnection) -> str:
    """The address that asks, of IPv6 the network that it is given out in; empty where it is not known."""
    host = "" if asked.client is None else asked.client.host
    try:
        address = address_of(host)
    except ValueError:  # none, or a name that a proxy gave
        return host
    return str(address if isinstance(address, IPv4Address) else IPv6Network((int(address), _ONE_HOUSEHOLD), False))
