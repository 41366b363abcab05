"""The compiled screen of `margin.tiered_by_count`."""
