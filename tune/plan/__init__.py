"""The checked order for a run: options, data, space, models, prices, and the estimate.

This file imports nothing, so that `tune --help` only loads `tune.plan.options`.
"""
