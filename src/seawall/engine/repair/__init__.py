"""What happens when the engine or its prices were wrong: correction and reconciliation."""
