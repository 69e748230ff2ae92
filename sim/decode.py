"""The main job: a design, a model and a prompt in; tokens from simulated hardware, and a measurement, out."""

import json
import os
import shutil
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from devicemodels.errors import UserError
from rtl.export.verilog import TOP
from rtl.formats import GROUP, WORD_BITS
from sim.accounts import events
from sim.cache import cache_root, content_key
from sim.checkpoint import Model
from sim.compiler import IntegerModel, Program, compile_model, quantise_model
from sim.console import Progress
from sim.design import Design
from sim.generate import verilog
from sim.golden import greedy
from sim.measurement import Measurement
from sim.physical import Physical, energy, implement
from sim.tile import Tile, build_tile
from sim.timing import emission_cycles, phase_cycles, token_cycles
from testbench.bench_decode import PUBLIC
from testbench.runner import Build, build, run

RUNS = Path("runs")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """All that a run needs: hardware, simulator, program, prompt and the tokens that must come."""

    design: Design
    model: Model
    tile: Tile
    physical: Physical
    build: Build
    program: Program
    prompt: str
    prompt_tokens: list[int]
    expected: list[int]

    @property
    def total(self) -> int:
        """Positions of the run."""
        return len(self.prompt_tokens) + len(self.expected) - 1


def decode(design: Design, model: Model, *, prompt: str, tokens: int, simulator: str, waves: bool = False,
           run_folder: Path | None, progress: Progress, flip: tuple[int, int, int] | None = None) -> Measurement:
    """Let the simulated tile of a design decode a model, and measure it.

    Parameters
    ----------
    prompt, tokens : text to go on from, and how many tokens to emit
    simulator : "verilator" or "icarus"
    run_folder : where the run goes; None for a new folder under `runs`
    flip : (lane, word, bit) of a bank image to invert, to see the code repair it

    Raises
    ------
    UserError
        The design cannot be built, the model does not fit, or the prompt leaves no room for its tokens.
    """
    tile = build_tile(design)
    with progress.step("Compile the model and run the integer golden"):
        integers = quantise_model(model, tile.config.context)
        program = compile_model(model, tile.config, integers)
        prompt_tokens = _encode(model, prompt, tokens, program.context)
        expected = greedy(integers, prompt_tokens, tokens)
    prepared = _prepare(design, model, tile, program, prompt, prompt_tokens, expected, simulator, waves, progress)
    folder = new_run_folder(design, run_folder)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        observed = _simulate(prepared, partial, waves, progress, flip)
        measurement = measure(prepared, observed, simulator, folder)
        _write_results(partial, prepared, measurement)
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return measurement


def _encode(model: Model, prompt: str, tokens: int, context: int) -> list[int]:
    prompt_tokens = model.tokenizer.encode(prompt)
    if not prompt_tokens:
        raise UserError("the prompt is empty and this model has no token to begin with: give --prompt a word")
    if len(prompt_tokens) + tokens - 1 > context:
        room = max(0, context + 1 - len(prompt_tokens))
        raise UserError(f"the prompt has {len(prompt_tokens)} tokens and {tokens} more are wanted, but the context is "
                        f"{context}: ask for at most {room} tokens or shorten the prompt")
    return prompt_tokens


def _prepare(design, model, tile, program, prompt, prompt_tokens, expected, simulator, waves, progress) -> Prepared:
    """Generate the Verilog; build the simulator and synthesise the logic at the same time."""
    with progress.step("Generate Verilog"):
        sources = verilog(tile.config)
    with ThreadPoolExecutor(1) as pool:
        with progress.step(f"Build the {simulator} simulator and synthesise the logic (both kept for the next time)"):
            synthesis: Future[Physical] = pool.submit(implement, tile, sources)
            simulation = build(
                sources=_source_files(sources), toplevel=TOP, simulator=simulator, cache_root=cache_root(),
                public=PUBLIC, no_inline=("lane",), waves=waves)
            physical = synthesis.result()
    return Prepared(design=design, model=model, tile=tile, physical=physical, build=simulation, program=program,
                    prompt=prompt, prompt_tokens=prompt_tokens, expected=expected)


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


def _simulate(prepared: Prepared, folder: Path, waves: bool, progress: Progress, flip) -> dict:
    """Run the bench in a folder; what it observed."""
    program, request = prepared.program, {
        "prompt": prepared.prompt_tokens, "total": prepared.total, "vocabulary": prepared.program.vocabulary,
        "epsilon": prepared.program.epsilon}
    if flip is not None:
        lane, word, bit = flip
        program.weights[lane, word, bit] ^= 1
    for name, text in program.images().items():
        (folder / name).write_text(text)
    (folder / "request.json").write_text(json.dumps(request))
    stream, fed = prepared.model.tokenizer, []

    def on_line(line):
        if line.startswith("token "):
            fed.append(int(line.split()[1]))
            text = stream.decode(fed, continued=True)
            progress.token(text[on_line.shown:])
            on_line.shown = len(text)
    on_line.shown = 0
    with progress.step(f"Simulate {prepared.total} positions"):
        progress.token(prepared.prompt)
        log = run(prepared.build, run_folder=folder, test_module="testbench.bench_decode", waves=waves, on_line=on_line)
    return json.loads((folder / "observed.json").read_text()) | {"wall_seconds": log.seconds}


def measure(prepared: Prepared, observed: dict, simulator: str, folder: Path) -> Measurement:
    """From what was observed to the figures of DESIGN: see `Measurement`."""
    program, tile, physical = prepared.program, prepared.tile, prepared.physical
    first, total = len(prepared.prompt_tokens) - 1, prepared.total
    predicted = emission_cycles(program.instructions, first + 1, total)
    # The first generated token is preceded by the prompt, so a step is counted from its own start.
    generated = range(first, total)
    step = sum(token_cycles(program.instructions, position, emits=True) for position in generated)
    stamps = [observed["token_cycles"][0] - (predicted[0] - token_cycles(program.instructions, first, emits=True)),
              *(b - a for a, b in zip(observed["token_cycles"], observed["token_cycles"][1:], strict=False))]
    cycles = sum(stamps) / len(stamps)
    counts, phases = Counter(), Counter()
    for position in generated:
        counts.update(events(program.instructions, tile.config, position, emits=True))
        phases.update(phase_cycles(program.instructions, position, emits=True))
    per_token = Counter({key: value / len(generated) for key, value in counts.items()})
    weight_words = per_token["weight reads"]
    word_bytes, lanes = WORD_BITS / 8, tile.config.lanes
    seconds, area = cycles / tile.clock_hz, physical.total_area * 1e6
    rate = weight_words * word_bytes / seconds
    peak = lanes * word_bytes * tile.clock_hz / tile.config.bank.cadence_cycles
    joules = energy(physical, per_token, cycles)
    assert step > 0
    text = prepared.model.tokenizer.decode(observed["tokens"], continued=True)
    return Measurement(
        design=prepared.design.name, model=prepared.model.name, simulator=simulator, prompt=prepared.prompt, text=text,
        tokens=tuple(observed["tokens"]), golden_equal=observed["tokens"] == prepared.expected,
        predicted_cycles=predicted[-1], simulated_cycles=observed["token_cycles"][-1], cycles_per_token=cycles,
        utilisation=weight_words / lanes * tile.config.bank.cadence_cycles / cycles,
        phase_cycles={name: round(value / len(generated)) for name, value in phases.items()},
        clock_hz=tile.clock_hz, max_clock_hz=physical.max_clock_hz, tile_area_mm2=area,
        area_mm2={name: value * 1e6 for name, value in physical.area.items()},
        bandwidth_density_tb_per_s_mm2=rate / 1e12 / area, peak_bandwidth_density_tb_per_s_mm2=peak / 1e12 / area,
        bank_bandwidth_density_tb_per_s_mm2=peak / lanes / 1e12 / (tile.bank.area * 1e6),
        tokens_per_s=1 / seconds, energy_per_token_j=sum(joules.values()), energy_j=joules,
        weight_words_read=observed["weight_words"], corrected_words=observed["corrected_words"],
        uncorrectable_words=observed["uncorrectable_words"], macs=observed["lane_words"] * GROUP,
        simulation_s=observed["seconds"], build_s=prepared.build.seconds, run_folder=str(folder))


def _write_results(folder: Path, prepared: Prepared, measurement: Measurement):
    """The rest of the run folder: measurement, program listing, and a manifest of what it was made with."""
    (folder / "measurement.json").write_text(json.dumps(measurement.as_dict(), indent=1))
    (folder / "program.txt").write_text("".join(f"{i}\n" for i in prepared.program.instructions))
    manifest = {
        "design": asdict(prepared.design), "expected_tokens": prepared.expected,
        "versions": {**prepared.build.versions, "amaranth": metadata.version("amaranth"),
                     "spinstream": metadata.version("spinstream")},
        "simulator": prepared.build.folder.name, "synthesis": prepared.physical.synthesis.tool,
        "images": content_key(prepared.program.images()), "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))


__all__ = ["decode"]
