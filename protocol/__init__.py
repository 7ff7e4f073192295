"""What cabin and hub must agree about; deaf and blind: no socket, disk, clock or randomness (only `runtime` has those).

Membership test: if cabin and hub ran different versions of this file, would something break? Then it is here.

- nouns on the wire: `frames` (said on a link), `entries` (written in a log), `manifest` (signed), `directory`, `enrolment`
- machines: `link` (one end of a link), `transfer` (which bytes of which blob next), `pacing` (how much may be outstanding)
- secrets: `keys` (key pairs and the words people compare), `envelope` (age, hybrid post-quantum)
- ground: `codec`, `ids`, `limits`, `errors`, `ranges`, `machine`, `store` (what a link needs of a disk)
"""
