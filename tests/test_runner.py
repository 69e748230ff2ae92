"""Builds a toy with each simulator, runs it and breaks it in every way the runner promises to notice."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from devicemodels.errors import UserError
from sim.cache import cache_root
from testbench import process, runner, store, tools

WORDS = 16
TOY = f"""
module adder(input clk, input enable, input [15:0] word, output reg [31:0] total);
  initial total = 0;
  always @(posedge clk) if (enable) total <= total + word;
endmodule
module toy(input clk, input start, output reg done, output [31:0] total, output reg [31:0] cycles);
  reg [15:0] memory [0:{WORDS - 1}];
  reg [15:0] word = 0;
  reg [7:0] address = 0;
  reg running = 0, valid = 0;
  initial begin done = 0; cycles = 0; $readmemh("words.hex", memory); end
  adder adder(.clk(clk), .enable(valid), .word(word), .total(total));
  always @(posedge clk) begin
    cycles <= cycles + 1;
    if (start) running <= 1;
    valid <= running;
    if (running) begin
      word <= memory[address[3:0]];
      address <= address + 1;
      if (address == {WORDS - 1}) running <= 0;
    end
    done <= valid && !running;
    if ($test$plusargs("break") && address == 8) $fatal(1, "the toy broke at address %0d", address);
  end
endmodule
"""
VALUES = [257 * n + 3 for n in range(WORDS)]
no_icarus = pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
SIMULATORS = ["verilator", pytest.param("icarus", marks=no_icarus)]

Builder = Callable[..., runner.Build]


@pytest.fixture
def build_toy(tmp_path: Path) -> Builder:
    """Builds the toy, or a changed one, with one simulator."""

    def build(
        simulator: tools.Simulator = "verilator", text: str = TOY, root: Path | None = None, **more: object
    ) -> runner.Build:
        source = tmp_path / "toy.v"
        source.write_text(text)
        public = ["clk", "start", "done", "total", "cycles"]
        return runner.build(
            sources=[source],
            toplevel="toy",
            simulator=simulator,
            cache_root=root or cache_root() / "simulators",
            public=public,
            no_inline=["adder"],
            **more,
        )

    return build


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run folder with the toy's memory in it."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "words.hex").write_text("\n".join(f"{value:04x}" for value in VALUES))
    return folder


@pytest.fixture(autouse=True)
def bench_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench lies beside this file."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def run_toy(build: runner.Build, folder: Path, expected: int = sum(VALUES), **more: object) -> runner.RunLog:
    """Runs the bench in a folder."""
    extra = {"EXPECTED_TOTAL": str(expected), **more.pop("environment", {})}
    return runner.run(build, run_folder=folder, test_module="runner_bench", environment=extra, **more)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_runs_and_tells_the_lines_as_they_come(
    simulator: tools.Simulator, build_toy: Builder, run_folder: Path
) -> None:
    lines: list[str] = []
    log = run_toy(build_toy(simulator), run_folder, on_line=lines.append)
    assert f"TOTAL {sum(VALUES)}" in lines
    # Rising edges at 1, 3, 5 and 7 ns before the start at 8; then one takes the start, 16 the words, one the last sum.
    assert "COUNT 4" in lines
    assert f"CYCLES {4 + 1 + WORDS + 1}" in lines
    assert log.log.read_text().splitlines() == lines
    assert log.waves is None


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_failing_test_raises_with_the_end_of_the_log(
    simulator: tools.Simulator, build_toy: Builder, run_folder: Path
) -> None:
    with pytest.raises(runner.SimulationError, match=r"1 of \d tests failed(.|\n)*AssertionError"):
        run_toy(build_toy(simulator), run_folder, expected=1)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_fatal_error_in_the_hardware_raises(simulator: tools.Simulator, build_toy: Builder, run_folder: Path) -> None:
    with pytest.raises(runner.SimulationError, match="the toy broke at address 8"):
        run_toy(build_toy(simulator), run_folder, plusargs=["+break"])


def test_a_module_without_tests_is_no_success(
    build_toy: Builder, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = run_folder / "runner_empty.py"
    empty.write_text("")
    monkeypatch.syspath_prepend(str(run_folder))
    build = build_toy()
    with pytest.raises(runner.SimulationError, match="runner_empty"):
        runner.run(build, run_folder=run_folder, test_module="runner_empty")


def test_a_hanging_simulation_is_ended(build_toy: Builder, run_folder: Path) -> None:
    with pytest.raises(runner.SimulationError, match=r"longer than 4 s(.|\n)*HANGING"):
        run_toy(build_toy(), run_folder, environment={"HANG": "1"}, timeout=4)
    assert ends_soon(run_folder)


def test_ctrl_c_ends_the_simulator(build_toy: Builder, run_folder: Path) -> None:
    def interrupt(line: str) -> None:
        if line == "HANGING":
            assert works_in(run_folder)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_toy(build_toy(), run_folder, environment={"HANG": "1"}, on_line=interrupt)
    assert ends_soon(run_folder)


def test_end_all_ends_what_another_thread_waits_for(tmp_path: Path) -> None:
    statuses: list[int] = []

    def work() -> None:
        statuses.append(
            process.run_lines(["sleep", "60"], folder=tmp_path, environment=os.environ, log=tmp_path / "log")
        )

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        process.end_all()
        thread.join(0.05)
    assert statuses == [-signal.SIGKILL]


def ends_soon(folder: Path) -> bool:
    """Whether within five seconds no process works in the folder any more."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if not works_in(folder):
            return True
        time.sleep(0.02)
    return False


def works_in(folder: Path) -> bool:
    """Whether a process has the folder as its working directory."""
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if entry.readlink() == folder:
                return True
    return False


@pytest.mark.parametrize("simulator", [pytest.param("verilator", marks=pytest.mark.slow), SIMULATORS[1]])
def test_waves_are_written_when_asked_for(simulator: tools.Simulator, build_toy: Builder, run_folder: Path) -> None:
    with pytest.raises(ValueError, match="built without waves"):
        run_toy(build_toy(simulator), run_folder, waves=True)
    log = run_toy(build_toy(simulator, waves=True), run_folder, waves=True)
    assert log.waves is not None and log.waves.parent == run_folder and log.waves.stat().st_size > 500
    log = run_toy(build_toy(simulator, waves=True), run_folder)
    assert log.waves is None


def test_the_second_build_is_taken_from_the_cache(build_toy: Builder, tmp_path: Path) -> None:
    first, second = build_toy(), build_toy()
    assert second.cached and second.folder == first.folder
    assert second.seconds < 2
    other = build_toy("verilator", TOY + "\n")
    assert other.folder != first.folder
    assert sorted(path.name for path in first.folder.iterdir()) == ["build.json", "build.log", "toy"]


def test_verilators_library_is_compiled_once(build_toy: Builder) -> None:
    build_toy()
    said: list[str] = []
    again = build_toy("verilator", f"{TOY}// {time.time()}\n", progress=said.append)
    shutil.rmtree(again.folder)
    assert said == ["Verilator translates toy to C++", "g++ compiles toy"]


def test_wrong_verilog_raises_with_the_simulators_words_and_leaves_nothing(build_toy: Builder, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    with pytest.raises(runner.BuildError, match="nowhere"):
        build_toy("verilator", TOY.replace("adder adder", "nowhere adder"), root=root)
    assert [path.name for path in root.iterdir() if path.is_dir()] == []


def test_missing_tools_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    message = (
        r"^g\+\+, make, perl not found, which a simulation with verilator needs: "
        r"install with `apt-get install g\+\+` and `apt-get install make` and `apt-get install perl`$"
    )
    with pytest.raises(UserError, match=message):
        tools.find_tools("verilator")
    with pytest.raises(UserError, match=r"iverilog, vvp not found.*`apt-get install iverilog`$"):
        tools.find_tools("icarus")
    with pytest.raises(UserError, match="simulator 'vcs' is not known: choose verilator or icarus"):
        tools.find_tools("vcs")


def test_control_file_names_modules_and_signals() -> None:
    options = runner.Options(
        toplevel="tile",
        simulator="verilator",
        clock="clk",
        public=("i__*", "o__done", "bank.hits"),
        no_inline=("lane",),
        waves=False,
        watched=("o__done",),
    )
    assert runner.control_file(options).splitlines() == [
        "`verilator_config",
        'no_inline -module "lane"',
        'public_flat_rw -module "tile" -var "i__*"',
        'public_flat_rd -module "tile" -var "o__done"',
        'public_flat_rw -module "bank" -var "hits"',
    ]


# --- store


def test_publish_leaves_nothing_when_the_maker_fails(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.publish(tmp_path, "key", fill)
    assert [path.name for path in tmp_path.iterdir()] == ["key.lock"]


def test_two_makers_of_one_key_make_it_once(tmp_path: Path) -> None:
    made: list[int] = []
    said: list[str] = []

    def fill(folder: Path) -> None:
        made.append(1)
        time.sleep(0.3)
        (folder / "whole").write_text("x")

    def work() -> None:
        store.publish(tmp_path, "key", fill, progress=said.append)
        assert (tmp_path / "key" / "whole").is_file()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert said == ["waiting for another process that builds the same thing"] * 2


def test_a_killed_maker_is_swept_up(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from testbench import store\n"
        "def fill(folder):\n"
        "    (folder / 'half').write_text('x'); print('half', flush=True); time.sleep(60)\n"
        "store.publish(Path(sys.argv[1]), 'killed', fill)"
    )
    maker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert maker.stdout is not None and maker.stdout.readline() == "half\n"
    store.publish(tmp_path, "other", lambda folder: None)
    assert (tmp_path / "killed.partial").is_dir(), "its maker lives"
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    maker.stdout.close()
    assert not (tmp_path / "killed").exists()
    store.publish(tmp_path, "third", lambda folder: None)
    assert not (tmp_path / "killed.partial").exists()
