"""`python -m onestop` is the `onestop` command."""

from onestop.cli import entry_point

if __name__ == "__main__":
    entry_point()
