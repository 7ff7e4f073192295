"""One cabin: from the sheet of paper to the sealed envelope that the hub has secured."""
