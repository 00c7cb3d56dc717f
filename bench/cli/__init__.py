"""Stage 8: arguments, progress, saving, exit codes; the only place that catches the project's errors."""
