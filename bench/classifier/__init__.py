"""A classifier to take away: what a run and a few labels taught, in a folder of its own, for items that nobody has seen."""
