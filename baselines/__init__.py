"""Few-label learners that start from pixels or any other matrix; one per file, and the label-free representations they share."""
