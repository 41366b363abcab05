"""The compiled screens of `margin.tiered` and `margin.tiered_by_size`."""
