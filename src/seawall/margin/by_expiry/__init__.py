"""The compiled screen of `margin.derive_standard`."""
