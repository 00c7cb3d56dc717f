"""Everything that answers a question about a run, once: tables, figures, status, report, export."""
