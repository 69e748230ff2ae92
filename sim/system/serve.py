"""Requests of several users on one system: time to the first token, decode, and what happens when memory is short."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter

from devicemodels.errors import UserError
from sim.system.rate import System, decode_step, kv_room, prefill_time

MOST = 10**12
"""Of anything that is counted here."""


def check_count(name: str, value: float):
    """Raise `UserError` unless it is at least 1 and at most `MOST`."""
    if not 1 <= value <= MOST:
        raise UserError(f"--{name} is {value}, but it must be at least 1 and at most {MOST:.0e}")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What every user asks at the same moment.

    Attributes
    ----------
    input, output : tokens of prompt and answer
    context : largest context of a user, at least input and output together; 0: just these
    users : how many ask
    columns : tokens that one step verifies, 1 without speculation
    acceptance : chance that a draft token is what the model would have said
    """

    input: int
    output: int
    context: int = 0
    users: int = 1
    columns: int = 1
    acceptance: float = 0.8

    def __post_init__(self):
        for name in ("input", "output", "users", "columns"):
            check_count(name, getattr(self, name))
        if self.context:
            check_count("context", self.context)
        if self.context and self.context < self.input + self.output:
            raise UserError(
                f"--context is {self.context}, but prompt and answer take {self.input + self.output} tokens: give at "
                "least that, or none"
            )
        if not 0 <= self.acceptance <= 1:
            raise UserError(f"--acceptance is {self.acceptance:g}, but a chance lies between 0 and 1")

    @property
    def largest(self) -> float:
        """Tokens that a user's memory must hold at the end."""
        return max(self.context, self.input + self.output)

    @property
    def cached(self) -> float:
        """Tokens that were there before the prompt."""
        return self.largest - self.input - self.output

    @property
    def accepted(self) -> float:
        """Tokens that a step yields: the accepted drafts, and one more that verifying gives."""
        return accepted_tokens(self.columns, self.acceptance)


@dataclass(frozen=True, kw_only=True)
class Service:
    """Seconds of requests that begin together.

    Attributes
    ----------
    first_token : until the first answers begin
    latency : until the last answer ends
    together : users that decode at a time; where they are evicted, those that fit at the mean context
    """

    first_token: float
    latency: float
    together: int


def accepted_tokens(columns: float, acceptance: float) -> float:
    """Expected tokens of one verification of ``columns`` tokens, each draft right with the same chance.

    1 + a + a^2 + ... + a^(columns - 1) (Leviathan 2023, equation 1).
    """
    if acceptance >= 1:
        return columns
    return (1 - acceptance**columns) / (1 - acceptance)


def token_time(system: System, request: Request, *, sequences: float, context: float) -> float:
    """Seconds per token of each of some sequences at a context, drafts included.

    A draft token costs a layer's share of a one-column step, as draft heads of one layer do.
    """
    if request.columns == 1:
        return decode_step(system, sequences=sequences, context=context).total
    step = decode_step(system, sequences=sequences, context=context, columns=request.columns).total
    draft = decode_step(system, sequences=sequences, context=context).total / system.model.layers
    return (step + (request.columns - 1) * draft) / request.accepted


def user_bytes(system: System, tokens: float) -> float:
    """Bytes of a user with a context of some tokens."""
    return tokens * system.model.kv_bytes(system.kv_bits) + system.model.user_bytes


def serve(system: System, request: Request) -> Service:
    """Times of a request whose users, or some of them, fit the memory; one user's context must."""
    room = kv_room(system)
    need = user_bytes(system, request.largest)
    together = request.users if request.users * need <= room else int(room / need)
    if together == request.users:
        first, decode = _wave(system, request, together)
        return Service(first_token=first, latency=first + decode, together=together)
    if system.engine.preempts:
        return _preempted(system, request)
    return _waves(system, request, together)


def _wave(system: System, request: Request, users: int) -> tuple[float, float]:
    """Prefill and decode time of users that fit; the decode at the mean of its contexts, as its time is linear."""
    first = prefill_time(system, sequences=users, tokens=request.input, context=request.cached)
    middle = request.cached + request.input + request.output / 2
    return first, request.output * token_time(system, request, sequences=users, context=middle)


def _waves(system: System, request: Request, together: int) -> Service:
    """Users that wait until all their tokens have room: full waves, and the rest."""
    full, rest = divmod(request.users, together)
    first, decode = _wave(system, request, together)
    latency = full * (first + decode) + (sum(_wave(system, request, rest)) if rest else 0.0)
    return Service(first_token=first, latency=latency, together=together)


def _preempted(system: System, request: Request) -> Service:
    """Users that are evicted. A crowd far beyond the memory repeats itself: the rest of it takes time in proportion."""
    few = max(SINGLY, CROWD * int(kv_room(system) / user_bytes(system, request.largest)))
    played = min(request.users, 2 * few)
    service = _Preempting(system, replace(request, users=played)).run()
    if played < request.users:
        each = (service.latency - _Preempting(system, replace(request, users=few)).run().latency) / few
        service = replace(service, latency=service.latency + each * (request.users - played))
    fitting = int(kv_room(system) / user_bytes(system, request.largest - request.output / 2))
    return replace(service, together=max(1, min(service.together, fitting)))


def _bilinear(value: Callable[[float, float], float], users: float, start: float, end: float):
    """`value(users, tokens)` as a + b users + c users tokens, from three of its values.

    Exact for the steps of dense models on engines that divide sequences, and as good as evictions need for others.
    """
    low, high, far = value(1, start), value(users, start), value(users, end)
    slope = (far - high) / (users * (end - start))
    each = (high - low) / (users - 1) - slope * start
    base = low - each - slope * start
    return lambda count, tokens: base + count * (each + slope * tokens)


class _Preempting:
    """Users that begin as soon as their prompt has room, and are evicted, last come first, when memory fills up.

    An evicted one computes its tokens again when it returns. Cohorts of users that have the same number of tokens
    move together; `running` and `waiting` hold pairs [users, tokens of the answer so far].
    """

    def __init__(self, system: System, request: Request):
        def prefill(users, tokens):
            return prefill_time(system, sequences=users, tokens=tokens, context=request.cached)

        def decode(users, context):
            return token_time(system, request, sequences=users, context=context)

        start = request.cached + request.input
        many = max(2.0, min(2.0 * request.users, kv_room(system) / user_bytes(system, start + 1)))
        self.prefill = _bilinear(prefill, many, request.input, request.input + request.output)
        self.decode = _bilinear(decode, many, start, start + request.output)
        self.input, self.output, self.start = request.input, request.output, start
        self.room = kv_room(system)
        self.empty = user_bytes(system, start)
        self.each = system.model.kv_bytes(system.kv_bits)
        self.lumps = LUMPS if request.users > SINGLY else SINGLY
        self.time, self.running, self.waiting = 0.0, [], [[float(request.users), 0.0]]
        self.users = self.tokens = 0.0  # that run, and tokens of all their answers so far

    def run(self) -> Service:
        """Go through it from prefill to the last answer."""
        self._admit()
        first, together = self.time, int(self.users)
        while self.running:
            if self._decode():
                self._admit()
            else:
                self._evict()
        return Service(first_token=first, latency=self.time, together=together)

    def _used(self) -> float:
        return self.users * self.empty + self.tokens * self.each

    def _admit(self):
        """Let the waiting in, those evicted last first, while there is room for them and a token more."""
        while self.waiting:
            users, done = self.waiting[-1]
            entering = min(users, (self.room - self._used()) // (self.empty + (done + 1) * self.each))
            if entering < 1:
                return
            self.time += self.prefill(entering, self.input + done)
            self.running.append([entering, done])
            self.users, self.tokens = self.users + entering, self.tokens + entering * done
            self.waiting[-1][0] -= entering
            if users == entering:
                self.waiting.pop()

    def _decode(self) -> bool:
        """Decode until a cohort is done or the memory is full, at least one token; whether one is done."""
        growth = (self.room - self._used()) / (self.users * self.each) if self.each else self.output
        left = self.output - max(done for _, done in self.running)
        tokens = min(left, max(1.0, growth))
        middle = self.tokens / self.users + tokens / 2
        self.time += tokens * self.decode(self.users, self.start + middle)
        self.tokens += tokens * self.users
        for cohort in self.running:
            cohort[1] += tokens
        done = tokens == left
        if done:
            for users, so_far in self.running:
                if so_far >= self.output - 1e-6:
                    self.users, self.tokens = self.users - users, self.tokens - users * so_far
            self.running = [cohort for cohort in self.running if cohort[1] < self.output - 1e-6]
        return done

    def _evict(self):
        """Evict from the cohort with the fewest tokens until every other has room for a token more."""
        lump = max(1.0, self.users // self.lumps)
        while self.users > 1 and self._used() + self.users * self.each > self.room:
            cohort = min(self.running, key=itemgetter(1))
            leaving = min(cohort[0], lump)
            cohort[0] -= leaving
            self.users, self.tokens = self.users - leaving, self.tokens - leaving * cohort[1]
            self.waiting.append([leaving, cohort[1]])
            if cohort[0] < 1:
                self.running.remove(cohort)


CROWD = 2
"""Times the users that fit to the end, of which twice as many are played and the rest are extrapolated."""

SINGLY = 64
"""Users up to whom each is evicted alone."""

LUMPS = 20
"""Parts of a larger crowd that are evicted at a time, which bounds the steps and shifts times by a few per cent."""
