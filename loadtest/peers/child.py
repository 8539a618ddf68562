"""Becomes the program named on the command line, which ends when its parent does.

`python -m loadtest.peers.child PARENT PROGRAM ARGUMENT …`: a load test that is killed leaves no
server behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent and run the program in it."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the load test is gone")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
