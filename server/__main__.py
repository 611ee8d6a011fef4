"""`python -m server` is the console script `holdfast`."""

from server.cli import main

if __name__ == "__main__":
    main()
