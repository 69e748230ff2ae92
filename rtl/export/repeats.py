"""Verilog text whose concatenations say once what they repeat."""

import re

_REPEATS = re.compile(r"(?<![\w'$.\]\\])(\\\S+ (?:\[[\d:]+\])?|[A-Za-z_]\w*(?:\[[\d:]+\])?)((?:, \1)+)(?=,| \})")


def fold_repeats(text: str) -> str:
    r"""``{ a[7], a[7], a }`` as ``{ {2{a[7]}}, a }``, wherever Yosys wrote the same signal several times in a row.

    It means the same; simulators extend a sign in one operation instead of one for each bit.
    """
    return _REPEATS.sub(lambda match: f"{{{1 + match[2].count(f', {match[1]}')}{{{match[1]}}}}}", text)
