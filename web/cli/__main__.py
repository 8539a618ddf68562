"""`python -m web.cli` is `hiroba`."""

from web.cli.main import main

main()
