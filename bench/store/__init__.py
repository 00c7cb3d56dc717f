"""Stage 4: the run folder; everything is written to a temporary name and renamed."""
