"""What the kiosk's browser must show: one random key for as long as the machine is up, in a file that only the node's user can read.

It outlives the node's process, so that a screen goes on by itself when the node was started anew; after a restart of the machine it is another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from protocol.randomness import Random, draw
from protocol.runtime.folder import NodeFolder

KEY_BYTES: Final = 16
KEY_FILE: Final = "kiosk.key"
URL_FILE: Final = "kiosk.url"  # what the browser opens
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_key(folder: NodeFolder, random: Random) -> str:
    """The key of this boot, as 32 hexadecimal digits. Raises Unavailable when it cannot be kept."""
    boot = _boot()
    kept = folder.read_secret(KEY_FILE).decode("ascii", "replace") if folder.has(KEY_FILE) else ""
    known, _, key = kept.strip().partition(" ")
    if known == boot and boot and len(key) == 2 * KEY_BYTES:
        return key
    key = draw(random, KEY_BYTES).hex()
    folder.write_file(KEY_FILE, f"{boot} {key}\n".encode())
    return key


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""  # then a key serves one process only
