"""One cabin: from the sheet of paper to the sealed envelope that the hub has secured.

- the process: `start` (the port first), `app` (wiring), `node` (the cabin as a whole), `hygiene` (what it leaves behind: nothing)
- a visit: `conversation` (what is said), `visit` over `visit_table` (what may happen when), `stay` (carries it out) for its `company` (who is
  there), `reception` (one after the other); `addressee` (to whom), `sealing` (where plaintext ends), `capture` (pixels to PDF, in a worker)
- who comes: `doorkeeper` over `attendance`; `entrance` (may somebody come in now) with `opening`, `cleaning`, `keyswitch` and
  `turned_away` (does the hub still know this cabin)
- devices: `feed` (the scanner, outside the loop), `devices` (what their states mean); on paper: `slip` and `papers`, in `large_print`
- words of the directory in a visitor's language: `directory_texts`
- the screen: `kiosk` serves it, `screen` keeps the browser that shows it
- durable: `buffer` over `storage` · the line: `uplink` over `connection`
- asked while it runs: `hatch`, `orders`, `knock`, `board` · how it is: `doctor`, `silence` (why no hub is heard), `offline`, `vitals`
- how a folder becomes a cabin: `enrol`, `invitation_picture`, `keys`, `config`
"""
