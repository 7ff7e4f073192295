"""Who is let in at the screen's port, and what every answer carries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edge.kiosk.door import BODY_BYTES_MAX, COOKIE, Door

KEY = "00112233445566778899aabbccddeeff"
HOST = b"127.0.0.1:7480"
OURS = {b"host": HOST, b"cookie": f"other=1; {COOKIE}={KEY}".encode()}
OURS_POSTED = {**OURS, b"origin": b"http://" + HOST, b"sec-fetch-site": b"same-origin"}


async def _inside(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", b"max-age=9")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(
    path: str = "/", headers: dict[bytes, bytes] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": list((OURS if headers is None else headers).items()),
    }
    asyncio.run(Door(_inside, 7480, KEY)(scope, receive, send))
    start, body = said
    return start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}, body["body"]


def test_our_own_browser_comes_in() -> None:
    assert ask()[0::2] == (200, b"inside")
    assert ask("/tap", OURS_POSTED, "POST")[0] == 200
    assert ask("/", {**OURS, b"host": b"localhost:7480"})[0] == 200


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ({b"host": HOST}, "GET"),
        ({**OURS, b"cookie": f"{COOKIE}={KEY[:-1]}0".encode()}, "GET"),
        ({**OURS, b"cookie": b"\xff=;;;"}, "GET"),
        ({**OURS, b"host": b"evil.example"}, "GET"),
        ({**OURS, b"host": b"127.0.0.1:80"}, "GET"),
        ({b"cookie": OURS[b"cookie"]}, "GET"),
        ({**OURS, b"origin": b"http://evil.example"}, "GET"),
        ({**OURS, b"sec-fetch-site": b"cross-site"}, "GET"),
        ({**OURS, b"sec-fetch-site": b"same-site"}, "GET"),
        (OURS, "POST"),
        ({**OURS_POSTED, b"origin": b"null"}, "POST"),
        ({**OURS_POSTED, b"origin": b"http://127.0.0.1:7481"}, "POST"),
    ],
)
def test_nobody_else_does(headers: dict[bytes, bytes], method: str) -> None:
    status, _, body = ask("/", headers, method)
    assert status == 403
    assert b"inside" not in body


def test_large_bodies_and_such_without_a_size_are_refused() -> None:
    assert ask("/tap", {**OURS_POSTED, b"content-length": str(BODY_BYTES_MAX + 1).encode()}, "POST")[0] == 413
    assert ask("/tap", {**OURS_POSTED, b"transfer-encoding": b"chunked"}, "POST")[0] == 413
    assert ask("/tap", {**OURS_POSTED, b"content-length": b"-1"}, "POST")[0] == 413


def test_the_opening_address_gives_the_cookie_and_leads_away_from_itself() -> None:
    status, headers, _ = ask(f"/open/{KEY}", {b"host": HOST})
    assert (status, headers["location"]) == (303, "/")
    assert headers["set-cookie"] == f"{COOKIE}={KEY}; Path=/; HttpOnly; SameSite=Strict"
    status, headers, _ = ask("/open/ffff", {b"host": HOST})
    assert status == 403
    assert "set-cookie" not in headers


def test_what_is_personal_is_kept_nowhere_and_nothing_comes_from_outside() -> None:
    _, headers, _ = ask("/")
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'self'; img-src 'self' data:; object-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"
    assert ask("/static/look.css")[1]["cache-control"] == "max-age=3600"
