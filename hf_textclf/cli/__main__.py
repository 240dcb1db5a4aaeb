"""`python -m hf_textclf.cli`, which launchers of several processes start."""

import sys

from .main import main

sys.exit(main())
