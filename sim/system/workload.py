"""Kinds of requests: chat, long context, chain of thought, generate and verify, tree search."""

from dataclasses import dataclass

from devicemodels.errors import UserError
from sim.system.names import nearest
from sim.system.serve import Request


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What one user wants.

    Attributes
    ----------
    input, output : tokens of the prompt, and of an answer
    branches : answers to one prompt that grow at once; they share the prompt's KV
    columns : tokens that a step verifies
    """

    input: int
    output: int
    branches: int = 1
    columns: int = 1

    def request(self, users: int = 1, **options) -> Request:
        """The same as a request in which each branch is a user.

        The prompt is computed, held and (by kernels that share prefixes) read once for all branches of a user, so
        each branch carries its share of it. `options`: `context` and `acceptance` of the request.
        """
        share = -(-self.input // self.branches)
        return Request(
            input=share, output=self.output, users=users * self.branches, columns=self.columns, **options
        )  # fmt: skip


WORKLOADS = {
    "chat": Workload(input=1024, output=256),
    "long-context": Workload(input=32768, output=1024),
    "chain-of-thought": Workload(input=512, output=8192),
    "generate-and-verify": Workload(input=1024, output=1024, columns=8),
    "tree-search": Workload(input=2048, output=512, branches=16),
}


def load_workload(name: str) -> Workload:
    """A workload by name.

    Raises
    ------
    UserError
        There is none of that name; the message says the nearest.
    """
    if name not in WORKLOADS:
        raise UserError(f"no workload is called '{name}': {nearest(name, sorted(WORKLOADS))}")
    return WORKLOADS[name]
