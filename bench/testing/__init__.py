"""Conformance suites for methods, samplers and data sets, for their authors' own tests."""
