"""Every rule of a venue as typed structs, and the rulebook that holds, hashes and prints them."""
