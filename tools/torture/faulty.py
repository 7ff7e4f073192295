"""`kabine` with a planted fault:

python -m tools.torture.faulty NAME edge run …
"""

from __future__ import annotations

import sys

from tools.command import main
from tools.torture.planted import planted

if __name__ == "__main__":
    name = sys.argv.pop(1)
    with planted(name):
        main()
