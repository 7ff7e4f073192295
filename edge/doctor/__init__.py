"""`kabine edge doctor`: how one cabin is, line by line.

`examination` goes through it, while its node runs or rests, and makes a `finding` of each part: `belongings` (folder, keys, directory), `line`
(to the hub), `stock` (buffer, documents, disk), `equipment` (devices), `front` (screen and door).
"""
