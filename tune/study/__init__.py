"""One study: from its plan to its choice on the holdout, resumable at any point."""
