"""The benchmark.

The stages, in the order data flows: data, plan, judge, store, engine, stats, show, then `run`. On top of them: search, labelling,
reading, testing, cli.
"""
