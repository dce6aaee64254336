"""python tune.py --budget 5: the same as the command `tune`; `import tune` finds the package beside this file."""

import sys

from tune.cli import main

if __name__ == "__main__":
    sys.exit(main())
