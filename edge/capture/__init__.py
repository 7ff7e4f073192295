"""From pixels to a compact, legible PDF, and from there to a sealed envelope; all of it in a process of its own.

`source` opens what a scanner delivered · `colour` says whether colours matter · `straighten` takes out the skew · `flatten` divides by
the paper · `encode` chooses how to keep a page · `spool` holds pages until the visitor has confirmed · `pdf` writes them · `worker` is
the process · `dialogue` is what may be said to it · `workshop` is the node's side of it.
"""
