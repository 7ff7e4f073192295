"""`kabine`'s commands, one file per family, and what runs the whole house at once: the demo, the simulator, the benchmarks.

- `command` knows the families: `hub`, `cabin`, `agency`, `directory`, `fleet` (over `office`, what they share), `edge` (in `edge_words`), `inbox`,
  `envelope`, `capture`, `scanner`, `demo`; `simulator/`, `torture/` and `bench/` have their own
- the agency's end: `connector` with `inbox_keys`, `letter`, `numbering`, `closed`, `forgotten`
- age files and keys of other programs: `armor`, `key_files`, `inspection` (what can be seen without a key)
- the whole house: `rig`, on a `line` that can be cut, in a `town`; `show` with `programme`, `tables` and `screens` is the demo's, `farewell` ends it
- several processes at once: `side_by_side` · where watched nodes live: `room`
- at the hub: `dispatcher`, `invitation_code`, `hours_file`, `directory_texts`, `person` · for files: `whole_file`, `folders`
- `letters` teaches the network of edge/capture/turn.py
"""
