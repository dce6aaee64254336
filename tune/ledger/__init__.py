"""The ledger: the one place that says no.

Every attempt to call a model reserves its ceiling before it is sent, in one atomic step in the database, and is
settled, refused or left uncertain afterwards. Amounts are whole picodollars, so every sum is exact.
"""

from tune.ledger.account import Account
from tune.ledger.books import MOST, Attempt, Balance, Doubt, read_balance
from tune.ledger.marks import check_ledger

__all__ = ["MOST", "Account", "Attempt", "Balance", "Doubt", "check_ledger", "read_balance"]
