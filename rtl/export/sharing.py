"""Verilog text as modules: those that are equal but for their name become one."""

import re


def share_identical(text: str) -> str:
    r"""One copy of each group of modules that differ only in their own name, as Amaranth writes its submodules.

    Only escaped names (``\tile.lane_0``) are considered: those that a generator made. Repeats until nothing changes, so
    that modules whose submodules became equal are found as well.
    """
    text = re.sub(r"(dump_module)\$\d+", r"\1", text)  # Yosys numbers these registers through the whole file
    while True:
        modules = re.split(r"(?=^module )", text, flags=re.MULTILINE)
        kept: dict[str, str] = {}
        renamed: dict[str, str] = {}
        for part in modules:
            name = _name(part)
            body = part.replace(name, "?", 1) if name else part
            first = kept.setdefault(body, name) if name.startswith("\\") else name
            if first != name:
                renamed[name] = first
        if not renamed:
            return text
        text = "".join(part for part in modules if _name(part) not in renamed)
        text = _rename(text, renamed)


def _rename(text: str, names: dict[str, str]) -> str:
    return re.sub(r"\\\S+ ", lambda match: names.get(match.group(), match.group()), text)


def _name(part: str) -> str:
    """Name of a module, of an escaped one with its backslash and space; empty for text before the first."""
    match = re.match(r"module (\\\S+ |\w+)", part)
    return match.group(1) if match else ""
