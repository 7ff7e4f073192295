"""Coverage-guided fuzzing, each target in a process of its own, as libFuzzer wants it:

    python -m tools.torture.fuzz FAULT FOLDER

FAULT is a planted one, or `-`. In FOLDER there is a folder for each target, by its name: `options` of libFuzzer, one a line, and a `corpus`. What it
has said is in `said` afterwards, its exit code in `code`: 0 when only Refused came out, soon, and from little memory. What takes seconds, to load
and instrument all that is fuzzed, is done once; the processes fork.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import atheris

with atheris.instrument_imports(include=["protocol", "edge", "cloud", "tools.torture.faults_of_ends"]):
    from protocol.errors import Refused
    from tools.torture import planted
    from tools.torture.targets import targets


def main() -> None:
    """One target after the other."""
    fault, folder = sys.argv[1:]
    targets()
    with planted.planted("" if fault == "-" else fault):
        for place in sorted(Path(folder).iterdir()):
            child = os.fork()
            if not child:
                _fuzz(place)
            (place / "code").write_text(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


def _fuzz(place: Path) -> NoReturn:
    """In a process that ends with it."""
    said = os.open(place / "said", os.O_WRONLY | os.O_CREAT)
    os.dup2(said, 1)
    os.dup2(said, 2)
    call = targets()[place.name].call

    def one(raw: bytes) -> None:
        try:
            call(raw)
        except Refused:
            pass

    atheris.Setup([sys.argv[0], *(place / "options").read_text().splitlines(), str(place / "corpus")], one)
    atheris.Fuzz()
    os._exit(1)  # it does not come back


if __name__ == "__main__":
    main()
