"""`python -m dreampedal`, the command line."""

from dreampedal.cli.app import main

if __name__ == "__main__":
    main()
