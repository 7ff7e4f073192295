"""A network of one's own, entered by a process that has spoken on another before."""

from __future__ import annotations

import subprocess
import sys

from tools.bench.quiet_net import enter

# In a process of its own: it never comes back.
_SPOKEN_BEFORE = """
import socket
import zmq
from tools.bench import quiet_net

zmq.Context.instance().socket(zmq.DEALER).connect("tcp://127.0.0.1:9")  # begins a thread for the whole process
assert quiet_net.enter_wholly()
there = zmq.Context().socket(zmq.ROUTER)
port = there.bind_to_random_port("tcp://127.0.0.1")
here = zmq.Context.instance().socket(zmq.DEALER)
here.connect(f"tcp://127.0.0.1:{port}")
here.send(b"heard")
print(there.recv_multipart()[1].decode() if there.poll(20_000) else "nothing came")
for each in (here, there):
    each.close(linger=0)
"""


def test_a_process_that_has_spoken_before_is_heard_in_its_new_network() -> None:
    """A ZeroMQ thread that began before would stay behind, and dial there."""
    asking = f"from {enter.__module__} import enter; raise SystemExit(not enter())"
    may = subprocess.run([sys.executable, "-c", asking], check=False)
    said = subprocess.run([sys.executable, "-c", _SPOKEN_BEFORE], capture_output=True, text=True, check=False)
    assert "AssertionError" in said.stderr if may.returncode else said.stdout == "heard\n", said.stderr
