"""Coverage-guided fuzzing of one target, or of `all`, in a process of its own, as libFuzzer wants it:

    python -m tools.torture.fuzz TARGET FAULT [libFuzzer's options] CORPUS

FAULT is a planted one, or `-`. Exit code 0: only Refused came out, soon, and from little memory.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["protocol", "edge", "cloud", "tools.torture.faults_of_ends"]):
    from protocol.errors import Refused
    from tools.torture import planted
    from tools.torture.targets import target


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    name, fault, *options = sys.argv[1:]
    call = target(name)

    def one(raw: bytes) -> None:
        try:
            call(raw)
        except Refused:
            pass

    with planted.planted("" if fault == "-" else fault):
        atheris.Setup([sys.argv[0], *options], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
