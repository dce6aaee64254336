"""The store: draws, scores, the ledger and the journal of a study, durable on disk."""
