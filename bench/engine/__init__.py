"""Stage 5: carrying the work out, in this process or on Ray. Ray is imported here alone, and only when it is used."""
