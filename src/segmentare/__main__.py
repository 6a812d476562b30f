"""`python -m segmentare`: the command line."""

import sys

from segmentare.cli import main

sys.exit(main())
