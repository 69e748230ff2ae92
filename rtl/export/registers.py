"""The register map as Markdown, JSON and a C header, from the one table in `rtl.host.registers`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rtl.host.packets import HEADER, Target
from rtl.host.registers import IDENTIFICATION, REGISTERS, VERSION, Access, Field, PacketError, Register

MARKDOWN, JSON, HEADER_FILE = "registers.md", "registers.json", "spinstream_registers.h"

_MEANING = {
    Access.READ_ONLY: "read only",
    Access.READ_WRITE: "read and write",
    Access.WRITE_ONE_TO_CLEAR: "write 1 to clear",
    Access.COMMAND: "write 1 to do it",
}


def register_files() -> dict[str, str]:
    """File name and text of the map in each form."""
    return {MARKDOWN: markdown(), JSON: as_json(), HEADER_FILE: c_header()}


def markdown() -> str:
    """For people: a table of registers, and one of each register's fields."""
    lines = [
        "# Registers of the host interface",
        "",
        f"Version {VERSION[0]}.{VERSION[1]}. Made from `rtl/host/registers.py`; change it there. "
        "Registers have 32 bits; bits that no field holds read as zero and are not written.",
        "",
        "| Offset | Register | While a run is on | |",
        "|---|---|---|---|",
    ]
    lines += [f"| `0x{r.offset:02x}` | `{r.name}` | {_while_busy(r)} | {r.description} |" for r in REGISTERS]
    for register in REGISTERS:
        lines += ["", f"## `{register.name}`", "", "| Bits | Field | Access | |", "|---|---|---|---|"]
        lines += [f"| {_bits(f)} | `{f.name}` | {_MEANING[f.access]} | {f.description} |" for f in register.fields]
    return "\n".join(lines) + "\n"


def _while_busy(register: Register) -> str:
    if not register.writable:
        return "read"
    return "read; writes refused" if register.locked else "read, write"


def _bits(field: Field) -> str:
    return str(field.low) if field.bits == 1 else f"{field.low + field.bits - 1}:{field.low}"


def as_json() -> str:
    """For programs."""
    registers = [
        {
            "name": register.name,
            "offset": register.offset,
            "description": register.description,
            "locked_while_busy": register.locked,
            "fields": [
                {"name": f.name, "low": f.low, "bits": f.bits, "access": f.access.value, "description": f.description}
                for f in register.fields
            ],
        }
        for register in REGISTERS
    ]
    packet = {
        "header": {name: {"low": field.offset, "bits": field.width} for name, field in HEADER},
        "targets": {target.name: target.value for target in Target},
        "errors": {error.name: error.value for error in PacketError},
    }
    whole = {"version": list(VERSION), "identification": IDENTIFICATION, "registers": registers, "packet": packet}
    return json.dumps(whole, indent=1) + "\n"


def c_header() -> str:
    """For C: offsets, shifts and masks."""
    lines = [
        "/* Registers of Spinstream's host interface. Made from rtl/host/registers.py; do not edit. */",
        "#ifndef SPINSTREAM_REGISTERS_H",
        "#define SPINSTREAM_REGISTERS_H",
        "",
        f"#define SPINSTREAM_IDENTIFICATION_VALUE 0x{IDENTIFICATION:08x}u",
        f"#define SPINSTREAM_VERSION_MAJOR_VALUE {VERSION[0]}u",
        f"#define SPINSTREAM_VERSION_MINOR_VALUE {VERSION[1]}u",
    ]
    for register in REGISTERS:
        lines += ["", f"/* {register.description} */", f"#define SPINSTREAM_{register.name} 0x{register.offset:02x}u"]
        lines += [
            line for field in register.fields for line in _macros(register.name, field.name, field.low, field.bits)
        ]
    lines += ["", "/* Load packets: fields of the 64-bit header, memories, errors. */"]
    for name, field in HEADER:
        lines += _macros("PACKET", name, field.offset, field.width, "ull")
    lines += [f"#define SPINSTREAM_TARGET_{target.name} {target.value}u" for target in Target]
    lines += [f"#define SPINSTREAM_PACKET_ERROR_{error.name} {error.value}u" for error in PacketError]
    return "\n".join([*lines, "", "#endif", ""])


def _macros(register: str, field: str, low: int, bits: int, suffix: str = "u") -> Iterator[str]:
    """Shift and mask of a field; the mask in place."""
    name = f"SPINSTREAM_{register}_{field.upper()}"
    yield f"#define {name}_SHIFT {low}"
    yield f"#define {name}_MASK 0x{(1 << bits) - 1 << low:x}{suffix}"


def main() -> None:
    """Write the documented map into the folder given: `python -m rtl.export.registers docs`."""
    (Path(sys.argv[1]) / MARKDOWN).write_text(markdown())


if __name__ == "__main__":
    main()
