"""Fetching a picture from a web address that a client sends: public hosts only, within limits.

Clients must not reach the server's own network. So every address that a host name resolves to must be public, the
connection goes to an address that was checked (a second look-up could answer differently), and each redirect is
checked again.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urljoin, urlsplit

import httpx

from unet.errors import ImageError
from unet.pictures.decode import MAX_BYTES

MAX_REDIRECTS = 3
TIMEOUT = 20.0  # seconds, for everything together
# Pictures are compressed already, and a few kilobytes of compressed content may unpack to gigabytes.
HEADERS = {"User-Agent": "unet-segmentation-page", "Accept-Encoding": "identity"}
# Addresses that embed another address, which may be private, or that are of one site.
_TRANSLATED = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "::/96", "::ffff:0:0:0/96", "fec0::/10")
)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _TRANSLATED):
            return False
    return ip.is_global and not ip.is_multicast


async def resolve(host: str) -> str:
    """An address of `host` that may be connected to.

    Raises:
        ImageError: The name is unknown, or one of its addresses is not public.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ImageError(f"the host {host[:100]!r} is not known; upload the picture itself instead") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise ImageError(f"the host {host[:100]!r} is not on the public internet; upload the picture itself instead")
    return addresses[0]


class _Pinned(httpx.AsyncHTTPTransport):
    """Connects to one address, whatever the URL's host says; host header and certificate stay the host's."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host=self._address)
        return await super().handle_async_request(request)


async def fetch(url: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The content behind a public http or https address.

    Raises:
        ImageError: The address is refused, the server fails, or the content is too large or too slow.
    """
    try:
        return await asyncio.wait_for(_follow(url, max_bytes), TIMEOUT)
    except (TimeoutError, httpx.TimeoutException):
        raise ImageError(f"the picture's address did not answer within {TIMEOUT:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ImageError(f"the picture's address could not be read ({type(error).__name__})") from error


async def _follow(url: str, max_bytes: int) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ImageError("the picture's address must begin with http:// or https:// and name a host")
        transport = _Pinned(await resolve(parts.hostname))
        async with (
            httpx.AsyncClient(transport=transport, timeout=TIMEOUT) as client,
            client.stream("GET", url, headers=HEADERS) as response,
        ):
            if response.has_redirect_location:
                url = urljoin(url, response.headers["Location"])
                continue
            if response.status_code != httpx.codes.OK:
                raise ImageError(f"the picture's address answered with status {response.status_code}")
            return await _read(response, max_bytes)
    raise ImageError(f"the picture's address redirects more than {MAX_REDIRECTS} times")


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise ImageError("the picture's address answered in a compressed form, which was not requested")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > max_bytes:
            raise ImageError(f"the picture's address holds more than {max_bytes // 2**20} MB, which is the limit")
    return bytes(content)
