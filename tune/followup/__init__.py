"""Work on a finished study: check, challenge, reprice, reconcile, forget."""
