"""python -m tune: the same as the command `tune`."""

from tune.commands.cli import run

if __name__ == "__main__":
    run()
