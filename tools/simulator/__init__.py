"""Cabins and a hub under virtual time, with faults from a seed.

    agenda       virtual time: one order of events, and hours that are slept through
    disk         a node's folder, and what a crash leaves of it
    tripwire     something happens at the n-th step from now
    line         what lies between a cabin and the hub, silent or cut; the port where the hub listens
    node         a process that dies and is started anew: cabin_node, hub_node; office is an agency's connector
    district     keys, directory, confirmed cabins; paper: what is handed in
    faults       what can go wrong, by name; planted: faults of our own, to be caught
    witness      every promise, checked at every step; readers: what is committed, seen from outside
    simulation   life, faults, peace; report; command

`memory` is a disk that is no disk, for scripts.
"""
