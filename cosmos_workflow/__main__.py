"""`python -m cosmos_workflow`."""

import sys

from cosmos_workflow.cli import main

if __name__ == "__main__":
    sys.exit(main())
