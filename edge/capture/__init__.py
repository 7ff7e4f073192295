"""From pixels to a compact, legible PDF, and from there to a sealed envelope; all of it in a process of its own.

`source` opens what a scanner delivered · `colour` says whether colours matter · `straighten` takes out the skew · `flatten` divides by
the paper · `grid` sees a page coarsely · `bits` says what is ink · `inks` parts it by colour · `boxes` finds what is a picture · `jbig2`
packs one bit per pixel · `encode` chooses how to keep a page · `encoded` is what it gives · `spool` holds pages until the visitor has
confirmed · `preview` shows one as it will be handed in · `pdf` writes them · `pdfa` checks that · `verdict` says in words what is wrong with
a page · `mode` is what the visitor lays down · `worker` is the process · `dialogue` is what may be said to it · `workshop` is the node's
side of it.
"""
