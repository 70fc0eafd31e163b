"""`python -m textmill` is `textmill`."""

from textmill.cli import main

if __name__ == "__main__":
    main()
