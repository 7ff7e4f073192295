"""One cabin: from the sheet of paper to the sealed envelope that the hub has secured.

`app` is the process, `node` the cabin as a whole · `conversation` what is said during a visit, `visit` the table, `reception` leads
one visit after the other · `capture` pixels to PDF, in a worker · `addressee` to whom, `sealing` where plaintext ends · `buffer` what
is durable, `storage` its insides · `uplink` the line, `connection` one conversation on it · `hatch`, `orders`, `knock`, `board` how a running node is
asked and what it tells · `enrol`, `keys`, `config` how a folder becomes a cabin · `doctor`, `silence`, `offline`, `vitals` how it is.
"""
