"""Stage 6: curves with intervals, and coverage. numpy, scipy and pandas only."""
