"""Stage 7: tables, live display and figures. They render; they never compute, fit or save data."""
