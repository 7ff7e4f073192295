"""Cabins and a hub under virtual time, with faults from a seed.

    agenda        virtual time: one order of events, and hours that are slept through
    tripwire      a process ends at its n-th step from now
    shadow        one file: what of it is on the disk, and what a power cut leaves
    disk          a node's folder: names, room, fsyncs that fail, bits that flip
    kernel        what Python's code asks of files, told to the disks; sqlite_files: what SQLite does with them
    line          what lies between a cabin and the hub, silent or cut; the port where the hub listens
    node          a process that dies and is started anew: cabin_node, hub_node; office is an agency's connector
    engines       what SQLAlchemy has compiled, kept from one life of the hub to the next
    district      keys, directory, confirmed cabins; paper: what is handed in
    faults        what can go wrong, by name: faults_of_lines, _nodes, _disks, _people; strike: where
    people        who copies disks, brings old ones back, revokes, enrols anew
    planted       faults of our own, to be caught: planted_at_hub, planted_in_cabin; slip: how they get in
    witness       every promise (promise), checked at every step: hub_watch, cabin_watch look at what is committed (readers: from outside),
                  earshot hears what is said; record: what the witness remembers
    simulation    life, faults, peace; worlds: many of them; report; command

`memory` is a disk that is no disk, for scripts.
"""
