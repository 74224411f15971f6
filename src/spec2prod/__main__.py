"""`python -m spec2prod`."""

import sys

from spec2prod.cli import main

sys.exit(main())
