"""The cabin's end of a peer: python -m tools.bench.across NAME FOLDER GIVE-UP-SECONDS WHAT-THE-RECEIVER-TOLD…

Waits for a line on stdin, then carries the files of FOLDER; prints how many seconds it took, 0 for never.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from tools.bench.across import line_up
from tools.farewell import tidied_up


class _NeverError(Exception):
    """It takes too long."""


def _never(*_: object) -> None:
    raise _NeverError


def main() -> None:
    """See above."""
    name, folder, give_up_seconds, *told = sys.argv[1:]
    signal.signal(signal.SIGALRM, _never)
    with tidied_up(), line_up.named(name).sending(Path(folder), told) as carry:
        print("ready", flush=True)
        sys.stdin.readline()
        signal.setitimer(signal.ITIMER_REAL, float(give_up_seconds))
        began = time.perf_counter()
        try:
            carry()
            seconds = time.perf_counter() - began
        except _NeverError:
            seconds = 0.0
        signal.setitimer(signal.ITIMER_REAL, 0)
    print(seconds, flush=True)
    os._exit(0)  # threads that have not given up do not matter any more


if __name__ == "__main__":
    main()
