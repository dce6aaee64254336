"""Code that exports copy into their files. It imports only Python and what the framework has."""
