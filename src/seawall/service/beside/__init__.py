"""Tables written in the transactions of events: timelines, incidents, episodes, repairs."""
