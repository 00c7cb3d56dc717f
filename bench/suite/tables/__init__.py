"""What is told of suites in tables."""
