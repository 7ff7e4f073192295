"""How the cabins are: `facts` reads what the hub knows, `proof` compares both ends of a log, `status` puts it into one word each, in the German of
`words`; `report` is the same for programs."""
