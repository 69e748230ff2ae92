"""The main job: a design, a model and a prompt in; tokens from simulated hardware, and a measurement, out."""

import json
import os
import queue
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from devicemodels.errors import UserError
from rtl.export.verilog import top
from rtl.memory.faults import FaultRates
from rtl.tile.config import TileConfig
from sim.accounts import MEASURED, events, filled_part, multiplications
from sim.cache import cache_root, content_key
from sim.checkpoint import Model, prompt_tokens
from sim.compiler import Program, compile_model, quantise_model
from sim.console import Progress
from sim.design import Design
from sim.generate import verilog
from sim.golden import greedy
from sim.measurement import Measurement
from sim.physical import Physical, energy, implement
from sim.rates import rates
from sim.speculation import OneColumn, one_column, pass_cycles, passes_of, run_of, speculation
from sim.tile import Tile, build_tile
from sim.timing import Run, Step, phase_cycles, step_cycles
from testbench import bench_columns
from testbench.bench_decode import PUBLIC, WATCHED
from testbench.drafts import foresee
from testbench.process import end_all
from testbench.runner import Build, build, run

RUNS = Path("runs")
TB_PER_S_MM2 = 1e18
"""1 TB/s/mm2 in bytes per second and square metre."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """All that a run needs: hardware, simulator, program, prompt, and at most so many tokens, of which `expected` must
    come; `end` ends the answer before.
    """

    design: Design
    model: Model
    tile: Tile
    physical: Physical
    build: Build
    program: Program
    sources: dict[str, str]
    prompt: str
    prompt_tokens: list[int]
    most: int
    expected: list[int]
    end: int | None = None
    chat: bool = False
    one_column: OneColumn | None = None

    @property
    def total(self) -> int:
        """Positions whose successor is wanted."""
        return len(self.prompt_tokens) + len(self.expected) - 1

    @property
    def steps(self) -> list[Step]:
        """The runs, step by step."""
        return [step for run in self.runs for step in run.steps()]

    @property
    def drafting(self) -> dict[str, Any]:
        """What a host has to know to draft (`testbench.drafts.Drafting`)."""
        return {"prompt": self.prompt_tokens, "columns": self.program.columns, "most": self.most, "end": self.end}

    @property
    def runs(self) -> list[Run]:
        """What the tile has to do: all at once, or, with columns, pass after pass as drafts turn out right."""
        if self.program.columns == 1:
            return [Run(given=len(self.prompt_tokens), total=self.total)]
        passes = foresee(expected=self.expected, **self.drafting)
        return [run_of(one, self.program.columns) for one in passes]


def decode(
    design: Design,
    model: Model,
    *,
    prompt: str,
    tokens: int,
    simulator: str,
    waves: bool = False,
    chat: bool | None = False,
    columns: int | None = None,
    run_folder: Path | None,
    progress: Progress,
) -> Measurement:
    """Let the simulated tile of a design decode a model, and measure it.

    A tile with columns verifies drafts (`testbench.drafts`), which it makes itself from what it has emitted.

    Parameters
    ----------
    prompt, tokens : text to go on from, and how many tokens to emit
    simulator : "verilator" or "icarus"
    chat : whether the prompt is a message in the model's chat template, whose answer ends where the model ends it; None
        means: if the model has one
    columns : of the tile; None for the design's own. With others the clock comes down to what logic reaches.
    run_folder : where the run goes; None for a new folder under `runs`

    Raises
    ------
    UserError
        The design cannot be built, the model does not fit, or the prompt leaves no room for its tokens.
    """
    prepared = prepare(
        design, model, prompt=prompt, tokens=tokens, simulator=simulator, waves=waves, chat=chat, columns=columns,
        progress=progress,
    )  # fmt: skip
    folder = new_run_folder(design, run_folder)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        observed = simulate(prepared, partial, progress)
        measurement = measure(prepared, observed, folder)
        _write_results(partial, prepared, measurement, observed["images"])
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return measurement


def _encode(model: Model, prompt: str, tokens: int, context: int, chat: bool | None) -> list[int]:
    encoded = prompt_tokens(model, prompt, chat=chat)
    if not encoded:
        raise UserError("the prompt is empty and this model has no token to begin with: give --prompt a word")
    if len(encoded) + tokens - 1 > context:
        room = max(0, context + 1 - len(encoded))
        raise UserError(
            f"the prompt has {len(encoded)} tokens and {tokens} more are wanted, but the context is "
            f"{context}: ask for at most {room} tokens or shorten the prompt"
        )
    return encoded


def _until_end(end: int | None, tokens: list[int]) -> list[int]:
    """An answer's tokens up to the one that ends it, if one does."""
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens


def prepare(
    design: Design,
    model: Model,
    *,
    prompt: str,
    tokens: int,
    simulator: str,
    waves: bool,
    chat: bool | None = False,
    columns: int | None = None,
    progress: Progress,
) -> Prepared:
    """Compile the model, run the golden, generate the Verilog, build the simulator and synthesise the logic.

    Raises as `decode`. The last two take minutes the first time, run at the same time and are kept.
    """
    columns = design.tile.columns if columns is None else columns
    slower = columns != design.tile.columns
    design = replace(design, tile=replace(design.tile, columns=columns))
    with progress.step("Solve the device models"):
        tile = build_tile(design)
    if tile.config.batch:
        raise UserError(
            f'design "{design.name}" has tile.batch, and a decode has one prompt: set tile.batch to false, or play '
            "several prompts with sim.sequences.simulate_batches"
        )
    with progress.step("Compile the model and run the integer golden"):
        integers = quantise_model(model, tile.config.context, tile.config.format)
        program = compile_model(model, tile.config, integers)
        chat = bool(model.chat_template) if chat is None else chat
        encoded = _encode(model, prompt, tokens, program.context, chat)
        end = model.tokenizer.vocabulary.eos if chat else None
        expected = _until_end(end, greedy(integers, encoded, tokens))
        alone = one_column(integers, tile, len(encoded) - 1, len(expected)) if tile.config.columns > 1 else None
    with progress.step("Generate Verilog"):
        sources = verilog(tile.config)
    title = f"Synthesise the logic and build the {simulator} simulator (minutes the first time, then kept)"
    with progress.step(title), ThreadPoolExecutor(1) as pool, ended_when_interrupted():
        implementing = pool.submit(implement, tile, sources, slower=slower)
        simulation = build_simulator(tile.config, sources, simulator, waves=waves)
        physical = implementing.result()
    clock_mhz = physical.tile.clock_hz / 1e6
    return Prepared(
        design=replace(design, tile=replace(design.tile, clock_mhz=clock_mhz)),
        model=model,
        tile=physical.tile,
        physical=physical,
        build=simulation,
        program=program,
        sources=sources,
        prompt=prompt,
        prompt_tokens=encoded,
        most=tokens,
        expected=expected,
        end=end,
        chat=chat,
        one_column=alone,
    )


def build_simulator(
    config: TileConfig, sources: dict[str, str], simulator: str, *, public: Sequence[str] = (), waves: bool = False
) -> Build:
    """The simulator of a tile's Verilog, from the cache or newly built.

    public : what the bench sees; without it, what that of a decode does
    """
    return build(
        sources=_source_files(sources),
        toplevel=top(config),
        simulator=simulator,
        cache_root=cache_root(),
        public=public or (PUBLIC if config.columns == 1 else bench_columns.PUBLIC),
        no_inline=("lane", "tile"),
        waves=waves,
        watched=WATCHED,
    )


@contextmanager
def ended_when_interrupted():
    """Around threads that wait for child processes: an exception here ends the children, so that nobody waits."""
    try:
        yield
    except BaseException:
        end_all()
        raise


def _source_files(sources: dict[str, str]) -> list[Path]:
    """The sources as files, in a folder named for their content."""
    folder = cache_root() / f"sources-{content_key(sources)}"
    folder.mkdir(exist_ok=True)
    for name, text in sources.items():
        if not (folder / name).is_file():
            temporary = folder / f".{name}.{os.getpid()}"
            temporary.write_text(text)
            os.replace(temporary, folder / name)
    return [folder / name for name in sources]


def new_run_folder(design: Design, wanted: Path | None) -> Path:
    """The folder asked for, which must not exist, or the next free one under `runs`."""
    if wanted is not None:
        if wanted.exists():
            raise UserError(f"the run folder {wanted} exists: name one that does not, or delete it")
        return wanted.absolute()
    number = 1
    while (RUNS / f"{design.name}-{number:03d}").exists():
        number += 1
    return (RUNS / f"{design.name}-{number:03d}").absolute()


def simulate(prepared: Prepared, folder: Path, progress: Progress, faults: FaultRates | None = None) -> dict:
    """Write the images and run the bench in a folder; what it observed (see `testbench.bench_decode`),
    and the hash of the images.

    faults : how often cells of the weight banks fail; never, if not given
    """
    drafts = prepared.program.columns > 1
    request = {"prompt": prepared.prompt_tokens, "total": prepared.total} | (prepared.drafting if drafts else {})
    images = write_request(prepared.program, folder, **request)
    with progress.step(f"Simulate {prepared.total} positions"):
        progress.token(prepared.prompt + "\n" * prepared.chat)
        run(
            prepared.build,
            run_folder=folder,
            test_module="testbench.bench_drafts" if drafts else "testbench.bench_decode",
            plusargs=faults.plusargs if faults else (),
            waves=prepared.build.options.waves,
            on_line=_token_printer(prepared.model, progress),
        )
    return {**json.loads((folder / "observed.json").read_text()), "images": images}


def write_request(program: Program, folder: Path, **request) -> str:
    """Write a program's images and what its bench asks of it (`testbench.bench_decode`, `bench_columns` ...) into a
    folder that exists; the hash of the images.
    """
    host = {"vocabulary": program.vocabulary, "epsilon": program.epsilon}
    (folder / "request.json").write_text(json.dumps(request | host))
    return program.write_images(folder)


def _token_printer(model: Model, progress: Progress):
    """Takes the bench's lines and shows the text of each token as soon as its characters are whole."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    texts = model.tokenizer.stream(iter(waiting.get, None))

    def on_line(line: str):
        if line.startswith("token "):
            waiting.put(int(line.split()[1]))
            progress.token(next(texts))

    return on_line


def measure(prepared: Prepared, observed: dict, folder: Path) -> Measurement:
    """From what was observed to the figures of a run; see `Measurement` for each."""
    program, tile, physical = prepared.program, prepared.tile, prepared.physical
    tokens, predicted = len(observed["tokens"]), pass_cycles(program, prepared.runs)
    played = [run_of(one, program.columns) for one in passes_of(observed)] or prepared.runs
    steps = [step for run in played for step in run.steps()]
    silent, generating = ([s for s in steps if s.emits == emits] for emits in (False, True))

    def count(step):
        return events(program.queues, tile.config, step.position, emits=step.emits, columns=step.columns)

    cycles = (observed["cycles"] - sum(step_cycles(program.queues, tile.config, step) for step in silent)) / tokens
    counts = _sum(count(step) for step in generating)
    # They are the hardware's own counts, less what the schedule says of the prompt before the first token.
    before = _sum(count(step) for step in silent)
    counts |= {key: observed[name] - before[key] for key, name in MEASURED.items()}
    counts = _each(counts, tokens)
    phases = _sum(phase_cycles(program.queues, tile.config, step.position, step.columns) for step in generating)
    phases["tokens beyond the first leave"] = sum(step.tokens - 1 for step in generating)
    figures = rates(
        tile,
        weight_words=counts["weight reads"],
        filled=filled_part(program, tile.config),
        cycles=cycles,
        area=physical.total_area,
    )
    joules = energy(physical, counts, cycles)
    return Measurement(
        design=prepared.design.name,
        tiles=tile.config.tiles,
        chips=tile.config.chips,
        model=prepared.model.name,
        simulator=prepared.build.options.simulator,
        prompt=prepared.prompt,
        text=prepared.model.tokenizer.decode(observed["tokens"], continued=True),
        tokens=tuple(observed["tokens"]),
        golden_equal=observed["tokens"] == prepared.expected,
        predicted_cycles=sum(predicted),
        simulated_cycles=observed["cycles"],
        cycles_per_token=cycles,
        utilisation=figures.utilisation,
        phase_cycles=dict(_each(+phases, tokens)),
        clock_hz=tile.clock_hz,
        max_clock_hz=physical.max_clock_hz,
        tile_area_mm2=physical.total_area * 1e6,
        area_mm2={name: area * 1e6 for name, area in physical.area.items()},
        bandwidth_density_tb_per_s_mm2=figures.bandwidth_density / TB_PER_S_MM2,
        peak_bandwidth_density_tb_per_s_mm2=figures.peak_bandwidth_density / TB_PER_S_MM2,
        bank_bandwidth_density_tb_per_s_mm2=figures.peak_bandwidth_density
        * physical.total_area
        / (tile.bank.area * tile.config.banks)
        / TB_PER_S_MM2,
        tokens_per_s=figures.tokens_per_s,
        energy_per_token_j=sum(joules.values()),
        energy_j=joules,
        weight_words_read=observed["weight_words"],
        corrected_words=observed["corrected_words"],
        uncorrectable_words=observed["uncorrectable_words"],
        macs=multiplications(program, tile.config, steps),
        simulation_s=observed["seconds"],
        build_s=prepared.build.seconds,
        run_folder=str(folder),
        speculation=prepared.one_column
        and speculation(observed, predicted, prepared.one_column, program.columns, figures.tokens_per_s),
    )


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    """Key by key, the sum of some counters."""
    return sum(counters, Counter())


def _each(counts: Counter[str], tokens: int) -> Counter[str]:
    """Key by key, as much as falls to one of so many tokens."""
    return Counter({key: value / tokens for key, value in counts.items()})


def _write_results(folder: Path, prepared: Prepared, measurement: Measurement, images: str):
    """The rest of the run folder: measurement, Verilog, program listing, and a manifest of what it was made with."""
    (folder / "verilog").mkdir()
    for name, text in prepared.sources.items():
        (folder / "verilog" / name).write_text(text)
    (folder / "measurement.json").write_text(json.dumps(measurement.as_dict(), indent=1))
    for name, instructions in zip(("stream", "vector"), prepared.program.queues, strict=True):
        (folder / f"{name}_program.txt").write_text("".join(f"{i}\n" for i in instructions))
    manifest = {
        "design": asdict(prepared.design),
        "expected_tokens": prepared.expected,
        "expected_cycles": measurement.predicted_cycles,
        "versions": {
            **prepared.build.versions,
            "amaranth": metadata.version("amaranth"),
            "spinstream": metadata.version("spinstream"),
        },
        "simulator": prepared.build.folder.name,
        "synthesis": prepared.physical.synthesis.tool,
        "images": images,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
