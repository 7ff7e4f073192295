"""Lets the cabin's own browser in and nobody else: every request passes here before the pages see it.

The port is bound to loopback, so what remains are other programs of this machine and pages that the browser was lured to. Against them: the name in
Host (DNS rebinding), Origin and Sec-Fetch-Site (forms and scripts of other pages), and a key of this boot in a cookie that no script reads and no
other page's request carries. What is answered is kept nowhere.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

# ASGI 3.0, as far as it matters here.
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Inside = Callable[[Any, Any, Any], Awaitable[None]]

COOKIE: Final = "kabine"
OPEN: Final = "/open/"  # followed by the key: the one address that the browser is started with
BODY_BYTES_MAX: Final = 16 * 1024  # forms of a few fields
_POLICY: Final = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_ALWAYS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"same-origin"),  # with “no-referrer” a form that is posted would not name its origin
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), clipboard-read=(), usb=(), serial=()"),
)
_FIXED: Final = ("/static/", "/kern/", "/arabic/", "/size.css")  # the same for everybody


class Door:
    """An ASGI application around another. `port`: ours; `key`: 32 hexadecimal digits; `body_bytes_max` of a request."""

    def __init__(self, inside: Inside, port: int, key: str, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        self._body_bytes_max = body_bytes_max
        self._inside = inside
        self._hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}
        self._origins = {b"http://" + host for host in self._hosts}
        self._key = key

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on, or refuse in a word."""
        if scope["type"] == "lifespan":
            await self._inside(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no other protocol is spoken here
        path = scope["path"]
        headers = dict(scope["headers"])
        if not self._ours(headers, scope["method"]):
            await _say(send, 403, "Only the cabin's own browser is served here.")
        elif path.startswith(OPEN):
            await self._open(send, path.removeprefix(OPEN))
        elif not self._known(headers):
            await _say(send, 403, "This browser has not been let in. Start it with the address in kiosk.url.")
        elif not _small(headers, self._body_bytes_max):
            await _say(send, 413, "That is more than any form here says.")
        else:
            await self._inside(scope, receive, _sealing(send, path))

    def _ours(self, headers: dict[bytes, bytes], method: str) -> bool:
        if headers.get(b"host") not in self._hosts:
            return False
        origin = headers.get(b"origin")
        # A form that is posted always names its origin.
        if (origin is not None or method not in ("GET", "HEAD")) and origin not in self._origins:
            return False
        return headers.get(b"sec-fetch-site", b"none") in (b"none", b"same-origin")

    def _known(self, headers: dict[bytes, bytes]) -> bool:
        try:
            cookies: SimpleCookie = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return False
        shown = cookies[COOKIE].value if COOKIE in cookies else ""
        return hmac.compare_digest(shown.encode(), self._key.encode())

    async def _open(self, send: Send, shown: str) -> None:
        if not hmac.compare_digest(shown.encode(), self._key.encode()):
            await _say(send, 403, "This address is of another day. Start the browser with the one in kiosk.url.")
            return
        cookie = f"{COOKIE}={self._key}; Path=/; HttpOnly; SameSite=Strict"
        await _say(send, 303, "", ((b"location", b"/"), (b"set-cookie", cookie.encode())))


def _small(headers: dict[bytes, bytes], body_bytes_max: int) -> bool:
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" not in headers and length.isdigit() and int(length) <= body_bytes_max


def _sealing(send: Send, path: str) -> Send:
    """Adds what holds for every answer; only what is the same for everybody may be kept."""
    keep = b"max-age=3600" if path.startswith(_FIXED) else b"no-store"

    async def sealed(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [pair for pair in message["headers"] if pair[0].lower() != b"cache-control"]
            message["headers"] = [*given, (b"cache-control", keep), *_ALWAYS]
        await send(message)

    return sealed


async def _say(send: Send, status: int, words: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    body = words.encode()
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *_ALWAYS,
            *headers,
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})
