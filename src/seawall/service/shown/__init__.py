"""What is read of accounts and of the venue, as clients see it."""
