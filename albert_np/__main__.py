"""`python -m albert_np` is `albert-np`."""

import sys

from albert_np.apps.cli import main

sys.exit(main())
