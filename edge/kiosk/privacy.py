"""Which version of the three sentences about privacy stands on the screen. It is kept with every visit.

A new text in any language is a new version: tests/tidy/test_visitor_words.py holds this number against the catalogues.
"""

from __future__ import annotations

from typing import Final

PRIVACY_VERSION: Final = "2"
