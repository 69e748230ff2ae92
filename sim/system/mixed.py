"""Two machines for one model: prefill here and decode there, or feed-forward blocks here and attention there.

``2xh200+576xgroq-v1`` prefills on two H200 and decodes on 576 LPUs: the prompt's KV crosses the link once.
``lp30:rubin`` keeps the feed-forward blocks on LPUs and attention with its KV on a GPU: every layer's activations
cross the link twice.
"""

import re
from dataclasses import dataclass, replace

from devicemodels.errors import UserError
from sim.system.evaluate import Answer, answer, as_dict, evaluate
from sim.system.language_model import LanguageModel
from sim.system.machine import is_tile, known_engine, own_design
from sim.system.model import load_model
from sim.system.plan import build_system
from sim.system.rate import ACTIVATION_BYTES, System, kv_room
from sim.system.refresh import token_band
from sim.system.serve import Request, user_bytes

LINK_TIME = 2e-6
"""Seconds of one crossing between two kinds of machine (assumed: a network card or host bridge each way)."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A machine of a specification and its chips, None if they are to be counted."""

    name: str
    chips: int | None


def parse(text: str, chips: int | None = None) -> list[Part]:
    """The machines of ``name``, ``4xname``, ``first+second`` or ``first:second``."""
    parts = re.split(r"[+:]", text)
    if len(parts) > 2 or not all(part.strip() for part in parts):
        raise UserError(f"'{text}' is not a machine: write a name, prefill+decode, or feed-forward:attention")
    found = [re.fullmatch(r"(?:(\d+)x)?(.+)", part.strip()) for part in parts]
    return [Part(name=m[2], chips=int(m[1]) if m[1] else chips) for m in found if m]


def ask(text: str, model: LanguageModel | str, request: Request, *, chips=None, engine=None, bits=None) -> dict:
    """The answer of one machine, or of two in one of the ways above, as `evaluate.as_dict`."""
    parts, model = parse(text, chips), model if isinstance(model, LanguageModel) else load_model(model)
    if len(parts) == 1:
        part = parts[0]
        result = answer(part.name, model, request, chips=part.chips, engine=engine, bits=bits)
        return as_dict(result) | _band(result) | {"machine": text}
    mix = _prefill_and_decode if "+" in text else _feed_and_attend
    return mix(parts, model, request, bits, engine) | {"machine": text}


def _band(result: Answer) -> dict[str, list[float]]:
    band = token_band(result)
    return {"ms_per_token_band": [band.low * 1e3, band.high * 1e3]} if band else {}


def _prefill_and_decode(parts: list[Part], model: LanguageModel, request: Request, bits, engine) -> dict:
    """Prompts on the first machine, their KV over the slower of both links, answers on the second."""
    first, second = (
        answer(part.name, model, request, chips=part.chips, bits=bits, engine=known_engine(part.name, engine))
        for part in parts
    )
    prompt = request.users * user_bytes(second.system, request.input)
    moved = LINK_TIME + prompt / min(_links(first.system), _links(second.system))
    begin = first.service.first_token + moved
    decode = second.service.latency - second.service.first_token
    return as_dict(second) | {
        "ttft_s": begin,
        "latency_s": begin + decode,
        "chips": [first.system.chips, second.system.chips],
        "link_gb": prompt / 1e9,
        "link_s": moved,
        "power_w": first.power + second.power,
        "joules_per_token": second.energy + first.power * first.service.first_token / (request.users * request.output),
        "silicon_mm2": (first.silicon + second.silicon) * 1e6,
    }


def _links(system: System) -> float:
    return system.chips * system.machine.link_bandwidth


def halves(model: LanguageModel) -> tuple[LanguageModel, LanguageModel]:
    """The model's feed-forward blocks alone, and all the rest: attention, states, embedding and head."""
    feed = replace(
        model, name=f"{model.name} feed-forward", heads=0, kv_heads=0, vocab=0, mixer_layers=0, mixer_parameters=0
    )
    attend = replace(model, name=f"{model.name} attention", ffn=0, shared_ffn=0, experts=1, experts_used=1)
    return feed, attend


def _half_system(part: Part, model: LanguageModel, bits, engine, context: float) -> System:
    """Each machine runs half of every layer's stages, so half of its fixed time per layer counts."""
    if is_tile(part.name):
        raise UserError(f"{part.name} runs whole models only: take {own_design(part.name)} to keep half of each layer")
    named = known_engine(part.name, engine)
    system = build_system(part.name, model, chips=part.chips, bits=bits, engine=named, context=context)
    software = system.engine
    half = replace(software, layer_time=software.layer_time / 2, sync_time=software.sync_time / 2)
    return replace(system, engine=half)


def _feed_and_attend(parts: list[Part], model: LanguageModel, request: Request, bits, engine) -> dict:
    """Feed-forward blocks on the first machine, attention on the second, activations there and back in each layer."""
    feed, attend = halves(model)
    blocks = evaluate(_half_system(parts[0], feed, bits, engine, 0), request)
    system = _half_system(parts[1], attend, bits, engine, request.largest)
    rest = evaluate(system, request)
    users = rest.service.together
    crossing = users * request.columns * model.dim * ACTIVATION_BYTES
    link = min(_links(blocks.system), _links(system))
    moved = 2 * model.feeding * (LINK_TIME + crossing / link) / request.accepted
    token = blocks.token + rest.token + moved
    begin = blocks.service.first_token + rest.service.first_token
    waves = -(-request.users // users)
    terms = {name: (blocks.terms()[name] + rest.terms()[name]) * 1e3 for name in rest.terms()}
    terms["sync"] += moved * 1e3
    energy = (_watts(blocks) + _watts(rest)) * token / users
    return as_dict(rest) | {
        "model": model.name,
        "chips": [blocks.system.chips, system.chips],
        "ms_per_token": token * 1e3,
        "ttft_s": begin,
        "latency_s": waves * (begin + request.output * token),
        "tokens_per_s_per_user": 1 / token,
        "tokens_per_s": users / token,
        "terms_ms": terms,
        "link_gb": 2 * model.feeding * crossing / 1e9,
        "link_s": moved,
        "fits": users == request.users and request.users * user_bytes(system, request.largest) <= kv_room(system),
        "joules_per_token": energy,
        "power_w": _watts(blocks) + _watts(rest),
        "silicon_mm2": (blocks.silicon + rest.silicon) * 1e6,
    }


def _watts(result: Answer) -> float:
    """Rated power of chips and hosts."""
    machine = result.system.machine
    return result.system.chips * (machine.power + machine.host_power)
