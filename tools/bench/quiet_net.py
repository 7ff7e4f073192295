"""A network of the bench's own: its loopback carries nobody else's bytes, so the wire can be counted on a busy machine."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from typing import Final

import zmq

_CLONE_NEWNET: Final = 0x40000000
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP_RUNNING: Final = 0x41


def enter() -> bool:
    """Move this thread, and all that it starts from now on, into a network namespace with nothing but a loopback device. False where the kernel
    does not let us: then the bytes of neighbours are counted too."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        return False
    with socket.socket() as any_socket:
        up(any_socket, b"lo")
    return True


def enter_wholly() -> bool:
    """The same for a process whose other threads have nothing open. That of ZeroMQ begins anew: one of before would stay where it is, and dial
    there."""
    zmq.Context.instance().destroy(linger=0)
    return enter()


def up(any_socket: socket.socket, device: bytes) -> None:
    """Switch a device of this namespace on."""
    fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", device, _IFF_UP_RUNNING))
