"""What cabin and hub must agree about; deaf and blind: no socket, disk, clock or randomness (only `runtime` has those; `randomness` is an argument).

Membership test: if cabin and hub ran different versions of this file, would something break? Then it is here.

- nouns on the wire: `frames` (said on a link), `asking` (asked and answered once), `entries` (written in a log), `manifest` (signed), `inner` (inside
  an envelope), `directory` and `hours`, `enrolment`; `contacts` and `cards` (what people carry)
- machines: `link` (one end of a link) with its vocabulary `events` and `effects`; in it `own_log` and `peer_log` (how far either is), `beats`,
  `transfer` (which bytes of which blob next), `pacing` (how much may be outstanding)
- secrets: `keys` (key pairs and the words people compare), `envelope` (age, hybrid post-quantum) over `age`, `recipients`, `bech32`
- ground: `codec`, `ids`, `limits`, `errors`, `soundness` (what is wrong with a value), `publication` (what makes a directory
  acceptable)
"""
