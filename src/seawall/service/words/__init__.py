"""What goes over the wire, both ways: bodies, amounts as text, effects told, problems."""
