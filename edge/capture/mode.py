"""What a visitor lays down decides what is done to it. In a file of its own: the node names it without loading what works on pixels."""

from __future__ import annotations

import enum


class Mode(enum.StrEnum):
    """What the visitor lays down."""

    DOCUMENT = "document"  # letters, forms, anything: the pipeline decides
    CARD = "card"  # both sides on one A4 sheet at true size
    RECEIPT = "receipt"  # the paper around it is cut off
    PHOTO = "photo"  # stays a picture
    COPY = "copy"  # as it lies: neither turned nor judged
