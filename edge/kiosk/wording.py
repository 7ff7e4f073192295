"""What may stand behind a button's word; nothing else comes from a screen of ours."""

from __future__ import annotations

from protocol.errors import Code, Refused, Trouble


def number(text: str) -> int:
    """A place in a list, or the number of a page. Raises Refused."""
    if not text.isdecimal() or len(text) > 4:
        raise out_of_place(text)
    return int(text)


def out_of_place(do: str) -> Trouble:
    """The refusal of a tap that no button here says."""
    return Refused(Code.OUT_OF_ORDER, f"“{do[:20]}” is not possible on this screen.", "Use the buttons on the screen.")
