"""Prices of models, in dollars per million tokens."""
