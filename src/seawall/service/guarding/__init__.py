"""Who may come in, how often, and by which door; the tables of keys and audit."""
