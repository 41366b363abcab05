"""Warnings, calls and grace: verdicts that ask, and what a deposit must be."""
