"""Searches for good settings: criteria, space, study, trials, and what they lead to."""
