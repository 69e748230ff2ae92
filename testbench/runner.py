"""Builds a simulator from Verilog once and runs cocotb tests with it.

`build` is content-addressed: the same sources, options and tools give the same folder, which is made once, whole or
not at all. `run` runs one test module in a run folder, where `$readmemh` finds its files, and hands over each line
that it prints as it comes.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cocotb_tools.config
from cocotb_tools.check_results import get_results

from devicemodels.errors import UserError
from testbench.process import ProcessTimeout, last_lines, run_lines
from testbench.store import Progress, publish
from testbench.tools import Simulator, Tools, find_tools

PRECISION_PS = 1
HALF_PERIOD_PS = 1000
_MAIN = Path(__file__).with_name("clocked_main.cpp")
_SIGNS = Path(__file__).with_name("signs.h")


class BuildError(RuntimeError):
    """The simulator could not be built; the message ends with the last lines of the log."""


class SimulationError(RuntimeError):
    """A test failed, the simulation stopped before its end or took too long; the message ends with its last lines."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a simulator is built with, apart from its sources.

    Attributes
    ----------
    toplevel : str
        Module at the top.
    simulator : "verilator" or "icarus"
    clock : str or None
        The top's clock input. Under Verilator the simulation drives it itself (see clocked_main.cpp); a bench calls
        `testbench.clock.start_clock`, which knows. None: no clock, or one that the bench makes.
    public : tuple of str
        What cocotb can see under Verilator: signals of the top (`"o__done"`, `"i__*"`) or of another module
        (`"bank.corrected"`). Each costs speed; under Icarus everything is seen.
    watched : tuple of str
        Those of `public` that cocotb never writes: what depends on them is computed once a cycle only.
    no_inline : tuple of str
        Modules that Verilator compiles once instead of once per instance: faster to build when there are many.
    waves : bool
        Whether a run can write waveforms.
    coverage : bool
        Whether a run under Verilator writes `coverage.dat`: lines, branches and toggles (see `testbench.coverage`).
    """

    toplevel: str
    simulator: Simulator
    clock: str | None
    public: tuple[str, ...]
    no_inline: tuple[str, ...]
    waves: bool
    watched: tuple[str, ...] = ()
    coverage: bool = False


@dataclass(frozen=True, kw_only=True)
class Build:
    """A simulator that is ready to run.

    Attributes
    ----------
    folder : Path
        Holds the simulator, the log of its build and what it was made from (`build.json`). Never written again.
    options : Options
    versions : dict
        Versions of the tools that made it.
    cached : bool
        It was there already.
    seconds : float
        What this call took.
    """

    folder: Path
    options: Options
    versions: dict[str, str]
    cached: bool
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RunLog:
    """A test that passed.

    Attributes
    ----------
    folder : Path
        The run folder.
    log : Path
        Everything that was printed.
    waves : Path or None
        Waveforms, when they were asked for: VCD from Verilator, FST from Icarus.
    seconds : float
        Wall time, with the start of the simulator.
    """

    folder: Path
    log: Path
    waves: Path | None
    seconds: float


def build(
    *,
    sources: Sequence[Path],
    toplevel: str,
    simulator: Simulator,
    cache_root: Path,
    clock: str | None = "clk",
    public: Sequence[str] = (),
    no_inline: Sequence[str] = (),
    waves: bool = False,
    watched: Sequence[str] = (),
    coverage: bool = False,
    progress: Progress | None = None,
) -> Build:
    """The simulator of `toplevel`, from the cache under `cache_root` or newly built. For the rest see `Options`.

    Raises
    ------
    UserError
        A tool is missing.
    BuildError
        The simulator refuses the sources or the compiler fails.
    """
    start = time.perf_counter()
    tools = find_tools(simulator)
    options = Options(
        toplevel=toplevel,
        simulator=simulator,
        clock=clock,
        public=tuple(public),
        no_inline=tuple(no_inline),
        waves=waves,
        watched=tuple(watched),
        coverage=coverage,
    )
    texts = _texts(sources)
    key = f"{simulator}-{_hash([options, texts, _fingerprint(tools)])}"
    cached = (cache_root / key).is_dir()
    maker = {"verilator": _make_verilator, "icarus": _make_icarus}[simulator]

    def fill(folder: Path) -> None:
        _write_sources(folder / "sources", texts)
        maker(folder, list(texts), options, tools, cache_root, progress)
        hashes = {name: _hash(text) for name, text in texts.items()}
        facts = {"options": asdict(options), "versions": tools.versions, "sources": hashes}
        (folder / "build.json").write_text(json.dumps(facts, indent=1))
        shutil.rmtree(folder / "sources")

    folder = publish(cache_root, key, fill, progress=progress)
    seconds = time.perf_counter() - start
    return Build(folder=folder, options=options, versions=tools.versions, cached=cached, seconds=seconds)


def run(
    build: Build,
    *,
    run_folder: Path,
    test_module: str,
    environment: Mapping[str, str] | None = None,
    plusargs: Sequence[str] = (),
    waves: bool = False,
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> RunLog:
    """Runs the cocotb tests of a module with `run_folder` as working directory.

    Parameters
    ----------
    build : Build
    run_folder : Path
        Gets `simulation.log`, `results.xml` and waveforms.
    test_module : str
        Dotted name of a module that this process could import.
    environment : mapping, optional
        Variables for the test, beside this process's own.
    plusargs : sequence of str
        `+name=value` for the hardware.
    waves : bool
        Write waveforms; `build` must allow them.
    timeout : float, optional
        Seconds of wall time.
    on_line : callable, optional
        Called with each line that the simulation prints.

    Raises
    ------
    SimulationError
        A test fails, no test is found, the simulation stops early or exceeds `timeout`.
    ValueError
        Waveforms from a build without them.
    """
    if waves and not build.options.waves:
        raise ValueError("this simulator was built without waves: build it with waves=True")
    start = time.perf_counter()
    log, results = run_folder / "simulation.log", run_folder / "results.xml"
    for old in (log, results):
        old.unlink(missing_ok=True)
    request = _request(build.options, build.folder, run_folder, results, test_module, plusargs, waves)
    command = [sys.executable, "-P", "-m", "testbench.simulate", json.dumps(request)]
    variables = _run_environment(build.options, environment or {})
    try:
        status = run_lines(command, folder=run_folder, environment=variables, log=log, timeout=timeout, on_line=on_line)
    except ProcessTimeout as error:
        raise SimulationError(f"{test_module}: {error}\n{last_lines(log)}") from error
    _check(test_module, status, results, log)
    traces = run_folder / _waves_name(build.options) if waves else None
    return RunLog(folder=run_folder, log=log, waves=traces, seconds=time.perf_counter() - start)


# --- what a build depends on


def _texts(sources: Sequence[Path]) -> dict[str, str]:
    """Text of each source by file name, in order."""
    missing = [str(source) for source in sources if not source.is_file()]
    if missing:
        raise UserError(f"Verilog source {', '.join(missing)} does not exist: generate the design first")
    texts = {source.name: source.read_text() for source in sources}
    if len(texts) != len(sources):
        raise ValueError(f"two sources have one file name: {[str(source) for source in sources]}")
    return texts


def _fingerprint(tools: Tools) -> dict[str, str]:
    """What else the result depends on: versions, the machine's kind, where cocotb's libraries lie, our own main."""
    return {
        **tools.versions,
        "machine": platform.machine(),
        "cocotb libraries": str(cocotb_tools.config.libs_dir),
        "recipe": _hash([_VERILATOR_FLAGS, _COMPILER_FLAGS, _MAIN.read_text(), _SIGNS.read_text(), _DUMP]),
    }


def _hash(content: object) -> str:
    text = json.dumps(content, default=asdict, sort_keys=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _write_sources(folder: Path, texts: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)


# --- Verilator

_VERILATOR_FLAGS = (
    *("-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-timing"),
    *("-Wno-fatal", "-Wno-lint", "-Wno-style"),
    *("--output-split-cfuncs", "300"),  # small enough that instances of a `no_inline` module share most of them
    *("--compiler-include", f"../sources/{_SIGNS.name}"),
)
_COMPILER_FLAGS = (
    *("CXX=g++", "LINK=g++", "OPT_FAST=-O2", "OPT_SLOW=-O1", "OPT_GLOBAL=-O2"),
    "CFG_CXXFLAGS_PCH_I=-include",  # the wheel forgets it, and a design of several C++ files does not link
)


def _make() -> list[str]:
    jobs = min(4, os.cpu_count() or 1)
    return ["make", f"-j{jobs}", "-C", "work", "-f", "Vtop.mk", *_COMPILER_FLAGS]


def _make_verilator(
    folder: Path, names: list[str], options: Options, tools: Tools, cache_root: Path, progress: Progress | None
) -> None:
    """Leaves the executable, named for the top, in `folder`."""
    work = folder / "work"
    (folder / "sources" / "lean.vlt").write_text(control_file(options))
    for own in (_MAIN, _SIGNS):
        shutil.copy(own, folder / "sources" / own.name)
    say = progress or (lambda _: None)
    say(f"Verilator translates {options.toplevel} to C++")
    _command(folder, tools, _verilate(options, names))
    library = _runtime_library(work, options, tools, cache_root, say)
    say(f"g++ compiles {options.toplevel}")
    _command(folder, tools, [*_make(), f"LDLIBS={_link(library)}", "VK_GLOBAL_OBJS=", options.toplevel])
    shutil.move(work / options.toplevel, folder / options.toplevel)
    shutil.rmtree(work)


def _verilate(options: Options, names: Sequence[str]) -> list[str]:
    clock = [f"-DCLOCK={options.clock}", f"-DHALF_PERIOD={HALF_PERIOD_PS // PRECISION_PS}"] if options.clock else []
    return [
        *("verilator", "--cc", "--exe", "--vpi", "--prefix", "Vtop", "-Mdir", "work", "-o", options.toplevel),
        *("--top-module", options.toplevel, "--timescale", f"1ns/{PRECISION_PS}ps"),
        *_VERILATOR_FLAGS,
        *(["--trace-vcd"] if options.waves else []),
        *(["--coverage-line", "--coverage-toggle"] if options.coverage else []),
        *(["-CFLAGS", " ".join(clock)] if clock else []),
        *("sources/lean.vlt", f"sources/{_MAIN.name}", *(f"sources/{name}" for name in names)),
    ]


def control_file(options: Options) -> str:
    """Verilator's configuration: which modules stay whole and which signals cocotb can see."""
    whole = [f'no_inline -module "{module}"' for module in options.no_inline]
    split = [(name in options.watched, *name.rpartition(".")) for name in options.public]
    seen = [
        f'public_flat_{"rd" if watched else "rw"} -module "{module or options.toplevel}" -var "{name}"'
        for watched, module, _, name in split
    ]
    return "\n".join(["`verilator_config", *whole, *seen, ""])


def _link(library: Path) -> str:
    libs = cocotb_tools.config.libs_dir
    return f"{library / 'libverilated.a'} -Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator"


def _runtime_library(work: Path, options: Options, tools: Tools, cache_root: Path, say: Progress) -> Path:
    """Folder of Verilator's own library, compiled once for all designs: most of what there is to compile."""
    objects = _runtime_objects((work / "Vtop_classes.mk").read_text())
    key = f"runtime-{_hash([objects, options.waves, _fingerprint(tools)])}"

    def fill(folder: Path) -> None:
        say("g++ compiles Verilator's library, once for all designs")
        _command(work.parent, tools, [*_make(), *objects])
        _command(work.parent, tools, ["ar", "rcs", str(folder / "libverilated.a"), *(f"work/{o}" for o in objects)])

    return publish(cache_root, key, fill, progress=say)


def _runtime_objects(makefile: str) -> list[str]:
    """The library's objects that a design needs, from Verilator's list of them."""
    listed = re.search(r"^VM_GLOBAL_FAST \+= \\\n((?:  .*\n)*)", makefile, re.MULTILINE)
    assert listed is not None, "Verilator's Vtop_classes.mk has a new form"
    return [f"{name}.o" for name in listed.group(1).replace("\\", " ").split()]


# --- Icarus


def _make_icarus(
    folder: Path, names: list[str], options: Options, tools: Tools, cache_root: Path, progress: Progress | None
) -> None:
    """Leaves `sim.vvp` in `folder`."""
    del cache_root
    if progress is not None:
        progress(f"Icarus compiles {options.toplevel}")
    sources = [f"sources/{name}" for name in names]
    tops = ["-s", options.toplevel]
    (folder / "sources" / "timescale.f").write_text(f"+timescale+1ns/{PRECISION_PS}ps\n")
    if options.waves:
        (folder / "sources" / "waves.v").write_text(_DUMP.format(top=options.toplevel))
        sources.append("sources/waves.v")
        tops += ["-s", "spinstream_waves"]
    command = ["iverilog", "-o", "sim.vvp", "-g2012", *tops, "-f", "sources/timescale.f", *sources]
    _command(folder, tools, command)


_DUMP = """module spinstream_waves;
initial begin
    $dumpfile("dump.fst");
    $dumpvars(0, {top});
end
endmodule
"""


# --- processes

# Read by make or Verilator, and not part of a build's key. MAKEFLAGS of a make around us: its job server is not ours.
_STRANGE_TO_A_BUILD = {
    *("CFLAGS", "CPPFLAGS", "CXXFLAGS", "LDFLAGS", "LDLIBS", "LOADLIBES", "LIBS", "OPT"),
    *("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VERILATOR_ROOT"),
}


def _command(folder: Path, tools: Tools, command: Sequence[str]) -> None:
    """Runs one command of a build; its output goes to `build.log`."""
    log = folder / "build.log"
    with log.open("a") as text:
        text.write(f"$ {' '.join(command)}\n")
    kept = {name: value for name, value in os.environ.items() if name not in _STRANGE_TO_A_BUILD}
    variables = {**kept, "PATH": tools.search_path}
    if run_lines(command, folder=folder, environment=variables, log=log) != 0:
        raise BuildError(f"{command[0]} failed while building the simulator:\n{last_lines(log)}")


def _request(
    options: Options,
    build_folder: Path,
    run_folder: Path,
    results: Path,
    test_module: str,
    plusargs: Sequence[str],
    waves: bool,
) -> dict[str, object]:
    return {
        "simulator": options.simulator,
        "test_module": test_module,
        "hdl_toplevel": options.toplevel,
        "hdl_toplevel_lang": "verilog",
        "build_dir": str(build_folder.resolve()),
        "test_dir": str(run_folder.resolve()),
        "results_xml": str(results.resolve()),
        "plusargs": list(plusargs),
        "waves": waves,
    }


def _run_environment(options: Options, extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what would change cocotb's behaviour, and what the simulation needs."""
    strange = ("COCOTB_", "PYTEST_", "GPI_", "WAVES", "GUI", "MAKEFLAGS")
    own = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    inside = options.simulator == "verilator" and options.clock is not None
    return {
        **own,
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path),
        "PYTHONUNBUFFERED": "1",  # a token is seen when it comes
        "COCOTB_RANDOM_SEED": "0",
        "COCOTB_REWRITE_ASSERTION_FILES": "",  # else cocotb loads pytest into the simulator
        "COCOTB_ANSI_OUTPUT": "0",
        "SPINSTREAM_CLOCK": "simulator" if inside else "bench",
        **extra,
    }


def _waves_name(options: Options) -> str:
    return "dump.vcd" if options.simulator == "verilator" else "dump.fst"


def _check(test_module: str, status: int, results: Path, log: Path) -> None:
    """Raises unless at least one test ran, all passed and the simulator ended well."""
    tests, failed = get_results(results) if results.is_file() else (0, 0)
    if failed:
        problem = f"{failed} of {tests} tests failed"
    elif status != 0:
        problem = f"the simulator stopped with status {status}"
    elif tests == 0:
        problem = "no test ran"
    else:
        return
    raise SimulationError(f"{test_module}: {problem}; the end of {log}:\n{last_lines(log)}")
