"""Stage 3: one cell to one record: methods, representations, metrics. Pure."""
