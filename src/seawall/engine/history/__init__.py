"""The durable list of events: journal, replay, verification, standby."""
