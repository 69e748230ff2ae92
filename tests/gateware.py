"""Runs a pipelined component in Amaranth's simulator: one set of inputs a cycle, outputs after its latency."""

from amaranth.sim import Simulator


def stream(component, inputs, outputs, latency):
    """Outputs of a component for a list of inputs.

    inputs : list of dicts port -> value, one a cycle
    outputs : names of output ports
    Returns a list of tuples, one for each input, sampled `latency` cycles after it.
    """
    seen = []

    async def bench(context):
        for cycle in range(len(inputs) + latency):
            if cycle < len(inputs):
                for name, value in inputs[cycle].items():
                    context.set(getattr(component, name), value)
            if cycle >= latency:
                seen.append(tuple(context.get(getattr(component, name)) for name in outputs))
            await context.tick()

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen
