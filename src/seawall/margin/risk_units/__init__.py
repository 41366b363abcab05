"""The compiled screens of `margin.sixteen_scan` and `margin.okx_portfolio`."""
