"""A finding of one check, and the file of all findings of one tool."""

import datetime
import json
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A residual (or a word, where the check is yes or no), its standard error if it is sampled, and a remark."""

    value: float | str
    error: float | None = None
    remark: str = ""


def record(tool: str, release: str, findings: dict[str, Finding]) -> None:
    """Write the findings, with what they were made by, to ``<tool>.json`` beside this file."""
    document = {
        "tool": tool,
        "release": release,
        "date": datetime.date.today().isoformat(),
        "command": f"python docs/peers/{Path(sys.argv[0]).name}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "findings": {key: asdict(finding) for key, finding in findings.items()},
    }
    text = json.dumps(document, indent=1, default=np.ndarray.item)
    (Path(__file__).parent / f"{tool}.json").write_text(text + "\n")
    print(text)


def ratio(mean: float, error: float, exact: float, remark: str = "") -> Finding:
    """A sampled mean over its exact value."""
    return Finding(value=mean / exact, error=error / abs(exact), remark=remark)


SLOW = Finding(value="(slow)", remark="not sampled: a step takes more than 0.1 ms")
