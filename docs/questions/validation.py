"""How far off is the model? Every measured row of the selection beside its prediction, GenZ and the speed of light."""

from collections import defaultdict

from tabulate import axes, picture, show

from sim.system.measured_rows import compare, load_rows, mean_error


def line(one):
    row = one.row
    kind = "flagged" if one.flagged else row.use
    asked = f"{row.chips} x {row.input}, {row.users}"
    genz = 100 * (row.genz / one.measured - 1) if row.genz else ""
    limit, error = 100 * (one.limit / one.measured - 1), 100 * one.error
    return (
        f"{row.machine} {row.engine}",
        row.model,
        asked,
        one.predicted,
        one.measured,
        error,
        genz,
        limit,
        kind,
        row.source,
    )


def main():
    figure, plot = axes("measured", "predicted", xscale="log", yscale="log")
    figures = ("predicted", "measured", "error %", "GenZ %", "light %")
    columns = ("platform", "model", "chips x tokens, users", *figures, "use", "source")
    for name in ("gpus", "sram", "others"):
        found = [compare(row) for row in load_rows(name)]
        show(f"{name}: seconds (tokens/s where a rate is published)", columns, [line(one) for one in found])
        platforms = defaultdict(list)
        for one in found:
            platforms[" ".join(one.row.platform)].append(one)
        rows = [
            (platform, str(len(ones)), 100 * mean_error(ones))
            for platform, ones in platforms.items()
            if any(one.row.use == "predict" and not one.flagged for one in ones)
        ]
        show("Mean absolute error of what was neither fitted nor flagged", ("platform", "rows", "%"), rows)
        shown = [one for one in found if not one.flagged and one.row.latency]
        plot.plot([one.measured for one in shown], [one.predicted for one in shown], ".", label=name)
    ends = (0.2, 2000)
    plot.plot(ends, ends, "k-", linewidth=0.5)
    plot.legend(frameon=False)
    picture("validation", figure)


if __name__ == "__main__":
    main()
