"""The screen's port."""

from __future__ import annotations

import socket

from edge.kiosk import doorstep


def test_an_answer_in_two_pieces_does_not_wait_for_the_browsers_acknowledgement_of_the_first() -> None:
    """asyncio turns that off only for sockets whose protocol is named; each page came 40 ms late."""
    with doorstep.bound(0) as door, socket.create_connection(door.getsockname()):
        answering, _ = door.accept()
        with answering:
            assert answering.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
