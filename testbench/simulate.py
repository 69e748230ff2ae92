"""Runs one cocotb test in a process of its own: `python -m testbench.simulate '<arguments of Runner.test as JSON>'`.

A process of its own keeps the environment that cocotb's runner needs out of the caller's, and can be ended.
"""

import json
import sys

from cocotb_tools.runner import get_runner

from testbench.process import end_with_parent


def main() -> None:
    """Reads the request from the first argument and exits with the simulator's status."""
    end_with_parent()
    request = json.loads(sys.argv[1])
    runner = get_runner(request.pop("simulator"))
    try:
        runner.test(**request)
    except RuntimeError as error:  # the simulator's status: what went wrong stands in the lines before
        sys.exit(str(error))


if __name__ == "__main__":
    main()
