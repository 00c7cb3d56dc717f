"""Stage 1: data sets, embedded, downloaded or the user's own, each with a fingerprint."""
