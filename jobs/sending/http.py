"""Calling an address that somebody typed in, without becoming their way into our own network.

The name is resolved once, every address that it has is checked, and the connection goes to a checked one; name and
certificate are still those of the address typed in. So an answer of the name server that changes in between
(DNS rebinding) changes nothing. Redirects are not followed, proxies of the environment not used, and one deadline
holds for all of it, however slowly an answer trickles in.
"""

import ipaddress
import re
import socket
import ssl
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from typing import Any

import httpcore
import httpx
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Invalid
from jobs.sending.rules import Outcome, of_status

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DEADLINE = timedelta(seconds=15)
MOST_READ = 4096
KEPT = 300
LONGEST_URL = 500
# Names that can only mean something in a network of one's own.
PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home", ".corp", ".home.arpa")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.IGNORECASE)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Exception):
    """The name leads into a private network."""


def permitted(address: Address) -> bool:
    """May we connect there? Public addresses, and the networks that the operator opened (WEBHOOK_NETWORKS).

    An IPv4 address inside of an IPv6 one (mapped, 6to4, Teredo, NAT64) counts as itself.
    """
    inner = _inner(address)
    if any(inner in network for network in settings.WEBHOOK_NETWORKS):
        return True
    special = inner.is_multicast or inner.is_reserved or inner.is_unspecified or inner.is_loopback
    if isinstance(inner, ipaddress.IPv6Address):
        special = special or inner.is_site_local
    return inner.is_global and not special


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or int(address) >> 32 == 0:  # the last: the old IPv4-compatible form, ::a.b.c.d
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def check_url(url: str) -> str:
    """The address as it will be called; raises Invalid for what we would never call. Asks no name server.

    Where a name leads is decided anew at each call.
    """
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError) as error:
        raise _invalid(_("This is not an address.")) from error
    if parsed.scheme not in ("http", "https"):
        raise _invalid(_("The address must begin with https:// or http://."))
    host = parsed.raw_host.decode("ascii")
    if not _HOST.fullmatch(host) or not 0 < (443 if parsed.port is None else parsed.port) < 65536:
        raise _invalid(_("This is not an address."))
    if parsed.userinfo:
        raise _invalid(_("Name and password do not belong into the address; the signature proves who calls."))
    if len(str(parsed)) > LONGEST_URL:
        raise _invalid(_("This address is too long."))
    if not _may_be_public(host):
        raise _invalid(_("This address is in a private network."), code="private_address")
    return str(parsed.copy_with(fragment=None))


def _invalid(message: Any, code: str | None = None) -> Invalid:
    return Invalid({"url": [message]}, code=code)


def _may_be_public(host: str) -> bool:
    """As far as can be told from the name alone; numbers in any spelling (127.1, 0x7f000001) are addresses."""
    name = host.rstrip(".").lower()
    try:
        found = _look_up(name, 0, numeric=True)
    except OSError:
        ours = "." not in name or name.endswith(PRIVATE_SUFFIXES)
        return bool(settings.WEBHOOK_NETWORKS) or not ours
    return all(permitted(address) for address in found)


def _look_up(host: str, port: int, *, numeric: bool = False) -> list[Address]:
    flags = socket.AI_NUMERICHOST if numeric else 0
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


def post(url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    """POST once and tell what came of it; raises nothing that the network can cause."""
    began = clock.real()
    target = httpx.URL(url)
    request = {
        "method": "POST",
        "url": httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path),
        "headers": [("Host", target.netloc.decode("ascii")), *headers.items(), ("Content-Length", str(len(body)))],
        "content": body,
        "extensions": {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), DEADLINE.total_seconds())},
    }
    try:
        with (
            httpcore.ConnectionPool(ssl_context=trusted(), network_backend=_Guarded()) as pool,
            pool.stream(**request) as response,
        ):
            outcome = of_status(response.status, wait=_wish(response.headers))
            answer = b""
            for part in response.iter_stream():
                answer += part
                if len(answer) >= MOST_READ:
                    break
    except AddressRefused:
        return _took(began, Outcome("private_address", final=True))
    except (httpcore.TimeoutException, TimeoutError):
        return _took(began, Outcome("timeout"))
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        return _took(began, Outcome(_reason(error), answer=_readable(str(error))))
    return _took(began, outcome, _readable(answer.decode("utf-8", "replace")))


def _took(began: Any, outcome: Outcome, answer: str = "") -> Outcome:
    spent = int((clock.real() - began) / timedelta(milliseconds=1))
    return Outcome(
        error=outcome.error,
        status=outcome.status,
        answer=answer or outcome.answer,
        milliseconds=spent,
        final=outcome.final,
        gone=outcome.gone,
        wait=outcome.wait,
    )


def _reason(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        if isinstance(cause, socket.gaierror):
            return "unknown_host"
        cause = cause.__cause__ or cause.__context__
    return "no_connection"


def _readable(text: str) -> str:
    """For the log: what can be shown and stored, not too long."""
    return "".join(character if character.isprintable() else " " for character in text)[:KEPT].strip()


def _wish(headers: Iterable[tuple[bytes, bytes]]) -> timedelta | None:
    """Retry-After in seconds; its other form, a date, is rare and ignored."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 8:
            return timedelta(seconds=int(value))
    return None


@cache
def trusted() -> ssl.SSLContext:
    """Whose certificates are believed; made once, as reading them takes longer than a call."""
    return httpx.create_ssl_context()


class _Guarded(httpcore.NetworkBackend):
    """Connects to checked addresses only, and to nothing after the deadline."""

    def __init__(self) -> None:
        self._ends = clock.real() + DEADLINE
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        addresses = _look_up(host, port)
        if not addresses or not all(permitted(address) for address in addresses):
            raise AddressRefused(host)
        failed: Exception = httpcore.ConnectError(host)
        for address in addresses:
            try:
                stream = self._network.connect_tcp(str(address), port, timeout=_left(self._ends, timeout))
            except httpcore.ConnectError as error:
                failed = error
            else:
                return _Hurried(stream, self._ends)
        raise failed

    def connect_unix_socket(self, path: str, timeout: float | None = None, socket_options: Any = None) -> Any:
        raise AddressRefused(path)


class _Hurried(httpcore.NetworkStream):
    """A connection on which every wait ends with the deadline of the whole call."""

    def __init__(self, stream: httpcore.NetworkStream, ends: Any) -> None:
        self._stream = stream
        self._ends = ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._ends, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._ends, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._ends, timeout))
        return _Hurried(stream, self._ends)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(ends: Any, timeout: float | None) -> float:
    """The seconds until the deadline; raises when it has passed."""
    left = (ends - clock.real()).total_seconds()
    if left <= 0:
        raise httpcore.ReadTimeout("deadline")
    return left if timeout is None else min(left, timeout)
