"""What a process gives back of the memory that it held for a moment. In a process of its own, for its heap is what is looked at."""

from __future__ import annotations

import json
import subprocess
import sys

from protocol.runtime.allocator import Heap
from tests.edge.disks import nothing_can_be_opened

# As a flood leaves it: many blocks of the size of a frame, a small thing that stays behind each.
FLOODED = """
import ctypes, json
from protocol import limits
from protocol.runtime.allocator import IDLE_BYTES, Heap, keep_buffers

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

keep_buffers()
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
heap, before = Heap(), resident()
blocks = []
for _ in range(3 * IDLE_BYTES // limits.HEARD_BYTES_MAX):
    blocks.append(library.malloc(limits.HEARD_BYTES_MAX))
    ctypes.memset(blocks[-1], 1, limits.HEARD_BYTES_MAX)
    library.malloc(20_000)  # nowhere but behind it is so much room
heap.give_back()  # nothing is free yet
held = resident()
for block in blocks:
    library.free(block)
idle = resident()
heap.give_back()
print(json.dumps([(each - before) / IDLE_BYTES for each in (held, idle, resident())]))
"""


def test_what_a_flood_has_left_between_smaller_things_goes_back_to_the_system() -> None:
    """Two thousand strangers made a hub hold a gigabyte, and it kept it for good."""
    done = subprocess.run([sys.executable, "-c", FLOODED], capture_output=True, text=True, check=True)
    held, idle, left = json.loads(done.stdout)
    assert held > 2.9
    assert idle > 2.9  # nothing goes by itself
    assert left < 1.0


def test_where_nothing_can_be_opened_it_looks_another_time() -> None:
    heap = Heap()
    with nothing_can_be_opened():
        heap.give_back()


# Passes of the collector while a turn's worth of things is there at once, and again when much more stays.
APART = """
import gc, json
from protocol.runtime.allocator import YOUNG_MAX, set_apart

set_apart()
passes = []
gc.callbacks.append(lambda phase, info: passes.append(phase))
for _ in range(10):
    turn = [[] for _ in range(YOUNG_MAX // 2)]
    turn = None
quiet = len(passes)
stays = [[] for _ in range(2 * YOUNG_MAX)]
print(json.dumps([quiet, len(passes)]))
"""


def test_the_collector_does_not_look_at_what_goes_by_itself_and_does_at_what_stays() -> None:
    done = subprocess.run([sys.executable, "-c", APART], capture_output=True, text=True, check=True)
    quiet, then = json.loads(done.stdout)
    assert quiet == 0 < then
