"""Stage 8: arguments, progress, saving, exit codes; the project's errors become messages here."""
