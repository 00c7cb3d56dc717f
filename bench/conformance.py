"""The old name of `bench.testing.conformance`."""

from bench.testing.conformance import check_dataset, check_method, check_sampler

__all__ = ["check_dataset", "check_method", "check_sampler"]
