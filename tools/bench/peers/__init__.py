"""What a user would pick instead of Kabine's link: each carries the same bytes to a receiver that keeps them, over the same loopback and disk.

`peer` says what all of them can do, `line_up` names them. They are spoken with over plain sockets where a protocol allows it in a few lines: that
is faster than their clients for Python, so the comparison errs on their side. Each is left out, with a word, where it is not installed.
"""
