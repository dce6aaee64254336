"""A tuned configuration that answers."""
