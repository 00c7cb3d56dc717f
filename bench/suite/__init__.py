"""Suites: several data sets, one command, one ranking."""
