"""python -m tune: the same as the command `tune`."""

from tune.cli import run

if __name__ == "__main__":
    run()
