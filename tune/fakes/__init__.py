"""Fakes with a known truth, for tests and benchmarks: no network, no model."""
