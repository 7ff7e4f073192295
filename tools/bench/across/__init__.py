"""Peers on a line that is cut (W3): each with what its users would do about it, tried again until all has arrived, and looked at by digest.

`peer` says what all of them can do, `line_up` names them, `__main__` is the cabin's end. They are tried anew after three seconds without a byte where
their settings allow it, which is kinder than what they do by themselves; who is not done after many times the ideal never is.
"""
