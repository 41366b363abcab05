"""Who pays what a liquidation leaves unpaid: funds, backstop, deleveraging, shared losses."""
