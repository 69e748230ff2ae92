"""Runs one cocotb test in a process of its own: `python -m testbench.simulate '<arguments of Runner.test as JSON>'`.

A process of its own keeps the environment that cocotb's runner needs out of the caller's, and can be ended.
"""

import json
import os
import signal
import sys
import threading

from cocotb_tools.runner import get_runner


def main() -> None:
    """Reads the request from the first argument and exits with the simulator's status."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    request = json.loads(sys.argv[1])
    runner = get_runner(request.pop("simulator"))
    try:
        runner.test(**request)
    except RuntimeError as error:  # the simulator's status: what went wrong stands in the lines before
        sys.exit(str(error))


def _end_with_parent() -> None:
    """Standard input is a pipe that the parent never writes to: it ends when the parent does."""
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
