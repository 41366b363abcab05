"""Where a notice goes and how: one attempt each, which ends with nothing or with what went wrong.

A webhook is reached over https, or over http on this machine only; redirects are not followed, and
the address that its name resolves to is looked at before it is connected to, and is the one that is
connected to. Knows no table and no rule.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx
import msgspec

from seawall.service.notices.signature import signed
from seawall.service.notices.wire import TargetAsked
from seawall.service.words.problem import Problem, wrong

log = logging.getLogger("seawall.notices")
THREADS = 8  # Of apprise, which waits where an event loop must not.
ANSWER_MOST = 65_536  # Bytes of an answer that are read, to use its connection again.
_Address = IPv4Address | IPv6Address
_EMBEDS = ip_network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address.
# What reaches any address of the sender's choice, as a webhook does, or this machine itself.
_NOT_THROUGH_APPRISE = frozenset(
    {"json", "jsons", "xml", "xmls", "form", "forms", "apprise", "apprises", "syslog", "dbus"}
    | {"kde", "qt", "gnome", "glib", "macosx", "windows", "file", "exec", "rsyslog"}
)


@dataclass(frozen=True, slots=True)
class Target:
    """One target and the secrets that sign for it."""

    id: str
    asked: TargetAsked
    made_ms: int
    secret: str = ""
    previous: str = ""
    previous_until_ms: int = 0

    def secrets(self, now_ms: int) -> list[str]:
        """The secrets that sign now."""
        return [self.secret, *([self.previous] if now_ms < self.previous_until_ms else [])]


def check(asked: TargetAsked) -> None:
    """Refuse a target that could never be reached."""
    if asked.kind == "log":
        if asked.url:
            raise wrong("a log has no url - at `$.url`", "bad_target")
    elif asked.kind == "webhook":
        _split(asked.url)
    else:
        _check_apprise(asked.url)


def shown_url(asked: TargetAsked) -> str:
    """The address without what is secret in it."""
    if asked.kind != "apprise":
        return asked.url
    import apprise

    found = apprise.Apprise.instantiate(asked.url)
    if not found:
        return f"{asked.url.partition('://')[0]}://…"
    return str(found.url(privacy=True))  # type: ignore[no-untyped-call]


class Senders:
    """Makes attempts; for one event loop."""

    def __init__(self, *, private: bool) -> None:
        """`private` lets webhooks reach addresses that only a private network has."""
        self._private = private
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._trust: ssl.SSLContext | None = None
        self._threads = ThreadPoolExecutor(THREADS, "seawall-apprise")

    async def send(self, target: Target, id: str, text: str, body: str) -> str | None:
        """Make one attempt; None where it was delivered, else a sentence."""
        try:
            async with asyncio.timeout(target.asked.timeout_s):
                if target.asked.kind == "webhook":
                    return await self._post(target, id, body.encode())
                if target.asked.kind == "apprise":
                    loop = asyncio.get_running_loop()
                    return await loop.run_in_executor(
                        self._threads, _notify, target.asked.url, text, body
                    )
                log.info(body)
                return None
        except TimeoutError:
            return f"no answer within {target.asked.timeout_s:g} s"
        except Exception as error:  # Whatever a receiver does must not end the delivery of others.
            return f"{type(error).__name__}: {error}"[:500]

    async def close(self) -> None:
        """Let go of every connection."""
        for client in self._clients.values():
            await client.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _post(self, target: Target, id: str, body: bytes) -> str | None:
        place = _split(target.asked.url)
        host, port = place.hostname or "", place.port or _port(place)
        addresses = await self._addresses(host, port)
        client = self._client(target)
        path = place.path or "/"
        head = {
            "Host": place.netloc,
            "Content-Type": "application/json",
            "User-Agent": "seawall",
            **signed(target.secrets(time.time_ns() // 1_000_000), int(time.time()), id, body),
        }
        error: Exception | None = None
        for address in addresses:
            literal = f"[{address}]" if address.version == 6 else str(address)
            url = (
                f"{place.scheme}://{literal}:{port}{path}{'?' if place.query else ''}{place.query}"
            )
            try:
                return await _posted(client, url, body, head, host)
            except httpx.ConnectError as failed:
                error = failed
        assert error is not None, "there is an address"
        raise error

    async def _addresses(self, host: str, port: int) -> list[_Address]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ip_address(one[4][0]) for one in found]
        for address in addresses:
            if not may_reach(address, named_here=is_here(host), private=self._private):
                raise ConnectionError(f"{host} is at {address}, which is not public")
        return list(dict.fromkeys(addresses))

    def _client(self, target: Target) -> httpx.AsyncClient:
        """Connections of one target, which no other shares even at the same address."""
        client = self._clients.get(target.id)
        if client is None:
            is_plain = target.asked.url.startswith("http://")
            if self._trust is None and not is_plain:
                self._trust = httpx.create_ssl_context(trust_env=False)
            client = self._clients[target.id] = httpx.AsyncClient(
                verify=False if is_plain else self._trust or True,
                follow_redirects=False,
                trust_env=False,
                timeout=None,
            )
        return client


async def _posted(
    client: httpx.AsyncClient, url: str, body: bytes, head: Mapping[str, str], host: str
) -> str | None:
    more: dict[str, Any] = {"sni_hostname": host} if url.startswith("https") else {}
    async with client.stream(
        "POST", url, content=body, headers=dict(head), extensions=more
    ) as answer:
        read = 0
        async for part in answer.aiter_raw():
            read += len(part)
            if read > ANSWER_MOST:
                break
    return None if 200 <= answer.status_code < 300 else f"status {answer.status_code}"


def is_here(host: str) -> bool:
    """Whether a name can only mean this machine.

    >>> is_here("127.0.0.1"), is_here("localhost"), is_here("example.org")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def may_reach(address: _Address, *, named_here: bool, private: bool) -> bool:
    """Whether a webhook may be at an address: a public one; this machine where the URL says so.

    >>> may_reach(ip_address("10.0.0.1"), named_here=False, private=False)
    False
    """
    inner = _inner(address)
    if inner.is_loopback:
        return named_here or private
    if inner.is_multicast or inner.is_unspecified or inner.is_reserved:
        return False
    return inner.is_global or private


def _inner(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address carries, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _EMBEDS:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _split(url: str) -> SplitResult:
    try:
        place = urlsplit(url)
        port, host = place.port, place.hostname
    except ValueError:
        raise _bad("no URL") from None
    if place.scheme not in ("http", "https") or not host or port == 0:
        raise _bad("no URL that begins with https://")
    if place.scheme == "http" and not is_here(host):
        raise _bad("http reaches only this machine; use https")
    if place.username is not None or place.password is not None or place.fragment:
        raise _bad("a URL with a password or a fragment")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise _bad("a URL is of printable ASCII letters without spaces")
    return place


def _port(place: SplitResult) -> int:
    return 443 if place.scheme == "https" else 80


def _check_apprise(url: str) -> None:
    scheme = url.partition("://")[0].lower()
    if scheme in _NOT_THROUGH_APPRISE:
        raise _bad(f"{scheme}:// is not served; use a webhook")
    try:
        import apprise
    except ModuleNotFoundError:
        raise Problem(422, "bad_target", "apprise is missing; install seawall[notices]") from None
    if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
        raise _bad("no address that apprise knows")


def _notify(url: str, text: str, body: str) -> str | None:
    import apprise

    sender = apprise.Apprise()
    if not sender.add(url):
        return "no address that apprise knows"
    told = msgspec.json.decode(body, type=dict[str, Any])
    lines = f"{text}\n\nevent {told['sequence']}, {told['kind']}, notice {told['id']}"
    return None if sender.notify(body=lines, title=f"Seawall: {text}"[:200]) else "apprise failed"


def _bad(said: str) -> Problem:
    return wrong(f"{said} - at `$.url`", "bad_target")
