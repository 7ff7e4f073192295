"""`python -m tools` is `kabine`; so is the script that pip makes."""

from __future__ import annotations

import signal


def main() -> None:
    """Entry point. While libraries load, nothing is done that must be tidied up: Ctrl-C then ends the process as the kernel does, and not in the
    midst of somebody's import. From the moment a command is called it hears of it as an exception (tools/command.py)."""
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # a shell that keeps Ctrl-C from its background has its reasons
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tools.command import main as kabine

    kabine()


if __name__ == "__main__":
    main()
