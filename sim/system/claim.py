"""What a claimed rate implies: bandwidth, time per layer, speculation, and whether the machine can hold the model."""

from dataclasses import dataclass

from devicemodels.errors import UserError
from sim.system.model import load_model
from sim.system.plan import fewest_chips, plan
from sim.system.rate import System, decode_step, weight_bytes, weight_room

DOUBTFUL = 1.1
"""Tokens per step beyond which a claim is said to contain speculation: the model's own error is about a tenth."""

FASTEST = 1e12
"""Tokens per second of one user beyond which light does not cross a chip in a token."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A rate of one user, taken apart.

    Attributes
    ----------
    bandwidth : bytes of weights per second that the rate implies if every token reads them all
    of_all, of_group : that over the peak of all chips, and of the chips that hold one layer, which one token sees
    layer_time : seconds per layer
    predicted : tokens per second by this model, without speculation
    tokens_per_step : least tokens that a step must yield: for the time per step that this model expects
    tokens_per_sweep : the same if nothing took time but reading the weights, at the bandwidth that streaming reaches
    needed, held : bytes of weights, and room for them
    """

    system: System
    tokens_per_s: float
    bandwidth: float
    of_all: float
    of_group: float
    layer_time: float
    predicted: float
    tokens_per_step: float
    tokens_per_sweep: float
    needed: float
    held: float

    @property
    def holds(self) -> bool:
        """The weights fit."""
        return self.needed <= self.held

    def verdict(self) -> list[str]:
        """What follows, a sentence each."""
        return [self._memory(), self._traffic(), self._time()]

    def _memory(self) -> str:
        system = self.system
        weights = f"{self.needed / 1e9:.4g} GB of weights at {system.bits:g} bits"
        if self.holds:
            return f"{system.chips} {system.machine.name} hold {weights} ({self.held / 1e9:.4g} GB)."
        return (
            f"{system.chips} {system.machine.name} cannot hold {weights}: they have {self.held / 1e9:.4g} GB; "
            f"it takes {fewest_chips(system, 0)}."
        )

    def _traffic(self) -> str:
        share = f"{self.bandwidth / 1e12:.3g} TB/s of weights, {self.of_all:.2%} of all chips' bandwidth"
        reach = self.system.engine.bandwidth_fraction
        if self.of_group <= reach:
            return f"It implies {share}: bytes do not forbid it."
        kind = "more than there is" if self.of_group > 1 else f"above the {reach:.0%} that streaming reaches"
        return (
            f"It implies {share} and {self.of_group:.0%} of what one token sees, {kind}: a step yields at least "
            f"{self.tokens_per_sweep:.3g} tokens, or fewer bytes are read."
        )

    def _time(self) -> str:
        per_layer = f"{self.layer_time * 1e6:.3g} us per layer, where this model expects "
        per_layer += f"{1e6 / (self.predicted * self.system.model.layers):.3g}"
        if self.tokens_per_step <= DOUBTFUL:
            return f"It implies {per_layer}: no speculation is needed."
        return f"It implies {per_layer}: {self.tokens_per_step:.2g} tokens a step by speculation, or faster software."


def check_claim(
    *,
    machine: str,
    model: str,
    tokens_per_s: float,
    chips: int | None = None,
    bits: float | None = None,
    engine: str | None = None,
    context: float = 1024,
) -> Claim:
    """Take a claimed single-user decode rate apart.

    Raises
    ------
    UserError
        No such machine, model or engine, chips or bits that cannot be, or a rate that is not above 0 and at most
        `FASTEST`.
    """
    if not 0 < tokens_per_s <= FASTEST:
        limits = f"it must be above 0 and at most {FASTEST:g}"
        raise UserError(f"a claim of {tokens_per_s:g} tokens/s cannot be checked: {limits}")
    system = plan(machine, load_model(model), chips=chips, engine=engine, bits=bits)
    step = decode_step(system, sequences=1, context=context).total
    read = system.model.streamed_parameters(1) * system.bits / 8
    peak = system.machine.bandwidth
    return Claim(
        system=system,
        tokens_per_s=tokens_per_s,
        bandwidth=tokens_per_s * read,
        of_all=tokens_per_s * read / (system.chips * peak),
        of_group=tokens_per_s * read / (system.tensor * peak),
        layer_time=1 / (tokens_per_s * system.model.layers),
        predicted=1 / step,
        tokens_per_step=tokens_per_s * step,
        tokens_per_sweep=tokens_per_s * read / (system.tensor * peak * system.engine.bandwidth_fraction),
        needed=weight_bytes(system),
        held=weight_room(system),
    )


def as_dict(claim: Claim) -> dict:
    """The claim for a program to read."""
    system = claim.system
    return {
        "machine": system.machine.name,
        "model": system.model.name,
        "chips": system.chips,
        "bits": system.bits,
        "tokens_per_s": claim.tokens_per_s,
        "bandwidth_tb_per_s": claim.bandwidth / 1e12,
        "share_of_bandwidth": claim.of_all,
        "share_of_group_bandwidth": claim.of_group,
        "us_per_layer": claim.layer_time * 1e6,
        "predicted_tokens_per_s": claim.predicted,
        "tokens_per_step": claim.tokens_per_step,
        "tokens_per_sweep": claim.tokens_per_sweep,
        "weights_gb": claim.needed / 1e9,
        "room_gb": claim.held / 1e9,
        "holds": claim.holds,
        "verdict": claim.verdict(),
    }
