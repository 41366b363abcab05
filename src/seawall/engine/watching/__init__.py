"""What is seen before anything is taken: prices, oracles, gates, breakers and the float screen."""
