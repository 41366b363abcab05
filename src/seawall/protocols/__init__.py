"""The rules of venues and protocols in their own integer scale, to the last digit."""
