"""Reasons for which a run ends, as its journal and its result keep them."""

FINISHED = "finished"
"""The strategy had nothing more to buy."""

ENOUGH = "gain"
"""The rest of the money was expected to gain too little."""

UNREAD = "unread"
"""The answers of every prompt are read wrongly; see `tune.study.unread`."""

INTERRUPTED = "interrupted"
"""The user asked the run to stop."""

QUOTA = "quota"
"""A quota of the service is used up."""

LOST = "endpoints"
"""No model is left that answers."""

PAUSES = frozenset({INTERRUPTED, QUOTA, LOST})
"""Reasons after which the same command goes on."""
