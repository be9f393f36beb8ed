"""`python -m referee.cli.nemo` is the command `nemo`."""

from referee.cli.nemo import main

main()
