"""The verbs that take: how much, through which way out, in what order."""
