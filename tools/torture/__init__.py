"""Real nodes, and what the world does to them, with evidence.

recorder, recording   a file system that writes down what was done; operations: the nouns
crashes               what a power cut may leave of it
pair                  a real buffer and a real ledger, coupled without a line
promises, judges      what was said to somebody, and whether a folder still bears it out
power, kill, network, rot, bytes   the five tortures; planted, faults_of_…: faults of our own, to be caught
forked                processes that begin as a copy of one that has loaded everything
lives                 many lives, side by side; remembered: what they all reckon alike; report, command, evidence
"""
