"""From pixels to a compact, legible PDF, and from there to a sealed envelope; all of it in a process of its own.

`source` opens what a scanner `delivered`, one `page` after the other, out of `pictures` or `pdf_pages` · `scale` makes it smaller or larger ·
`survey` is the first look at it · `outline` finds the sheet on a table, and what of it lies `beyond` · `turn` says which way up it lies, by
its letters or its `lines` · `straighten` finds the skew · `level` lays it straight in one resample · `flatten` divides by the paper · `grid`
sees a page coarsely · `bits` says what is ink · `edges` makes it straight · `dust` is taken away first · `inks` parts it by colour · `boxes`
finds what is a picture · `jbig2` packs one bit per pixel · `encode` chooses how to keep a page · `encoded` is what it gives · `card` lays both
sides of a card on one sheet · `pipeline` is all of this in order · `verdict` says in words what is wrong with a page · `mode` is what the
visitor lays down.

`spool` holds pages until the visitor has confirmed · `preview` shows one as it will be handed in · `pdf` writes them · `pdfa` checks that ·
`bench` is what a worker has before it · `apart` is where pages are worked on, so that what hangs costs one page · `worker` is the process ·
`dialogue` is what may be said to it, in `framing` · `workshop` is the node's side of it · a `reader` opens foreign bytes in a process of its own,
`readers` is the worker's side of that · `confinement` is what all of them may not do.
"""
