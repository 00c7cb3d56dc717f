"""Stage 2: what is to be run: settings, budgets, seeds, samplers and cells. Values only."""
