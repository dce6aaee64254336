"""Guards: untrusted input, secrets, terminals, signals, and the sandbox for generated code."""
