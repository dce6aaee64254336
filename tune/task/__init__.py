"""The user's task: examples, prompts, answer rules and metrics."""
