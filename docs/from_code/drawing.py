"""The plots of the performance page, by matplotlib: the same file for the same data.

On white, whatever the page's theme; the colours can be told apart by people who see few of them, and in grey.
"""
from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, NullFormatter

from docs.from_code import plots

COLOURS = {"PostgreSQL": "#0072b2", "MariaDB": "#d55e00"}
GOAL, INK = "#009e73", "#333333"
PROGRAMS = {"ours": 1.0, "database": 0.5, "broker": 0.2}  # how strong their colour is
STYLE = {
    "font.size": 10, "font.family": "sans-serif", "svg.fonttype": "none", "svg.hashsalt": "commerce-events",
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": INK, "axes.labelcolor": INK,
    "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.grid": True, "grid.color": "#e3e3e3",
    "axes.axisbelow": True, "legend.frameon": False, "figure.constrained_layout.use": True,
}  # fmt: skip
PLAIN = FuncFormatter(lambda value, _: f"{value:g}" if value < 10_000 else f"{value:,.0f}")


def draw(name: str, folder: Path) -> None:
    """Write one plot, with the digest of its data inside."""
    folder.mkdir(exist_ok=True)
    with plt.rc_context(STYLE):
        figure = _DRAWN[name](plots.data(name))
        described = {"Date": None, "Creator": None, "Description": f"data {plots.digest(name)}"}
        figure.savefig(folder / f"{name}.svg", metadata=described, facecolor="white")
        plt.close(figure)


def _ratios(data: plots.Data) -> Any:
    figure, axes = plt.subplots(figsize=(9, 5.2))
    rows = [(what, found) for what, found in data.items() if len(found) > 1]
    for place, (_, found) in enumerate(reversed(rows)):
        goal = found["goal"]
        axes.plot([goal, goal], [place - 0.36, place + 0.36], color=GOAL, linewidth=3, solid_capstyle="butt")
        for (database, colour), shift in zip(COLOURS.items(), (0.14, -0.14), strict=True):
            if database in found:
                low, middle, high = found[database]
                axes.plot([low, high], [place + shift] * 2, color=colour, linewidth=2, alpha=0.6)
                axes.plot([middle], [place + shift], "o" if shift > 0 else "s", color=colour, markersize=7)
                axes.annotate(  # in a column beside the plot, where no mark is in the way
                    f"{middle:.3g} ×", (1.08, place + shift), xycoords=axes.get_yaxis_transform(), fontsize=9,
                    color=colour, ha="right", va="center", annotation_clip=False,
                )  # fmt: skip
    axes.set_yticks(range(len(rows)), [what for what, _ in reversed(rows)])
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 5, 10, 20, 50])
    axes.xaxis.set_major_formatter(PLAIN)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("times the pace of what stands beside it: median, lowest to highest")
    axes.grid(axis="y", visible=False)
    handles = [
        plt.Line2D([], [], marker=mark, linestyle="", color=colour, label=database)
        for (database, colour), mark in zip(COLOURS.items(), "os", strict=True)
    ]
    figure.legend(handles=[*handles, plt.Line2D([], [], color=GOAL, linewidth=3, label="goal: at least")],
                  loc="outside upper center", ncols=3)  # fmt: skip
    return figure


def _latency(data: plots.Data) -> Any:
    figure, panels = plt.subplots(1, len(data), figsize=(9, 3.8), sharey=True)
    for axes, (rate, loops) in zip(panels, data.items(), strict=True):
        for loop, hundredths in loops.items():
            who, database = loop.rsplit(", ", 1)
            axes.plot(
                hundredths, range(len(hundredths)), color=COLOURS[database], label=loop,
                linestyle="-" if who == "ours" else "--", linewidth=2,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(PLAIN)
        axes.set_title(f"{int(rate):,} orders a second", fontsize=10)
        axes.set_xlabel("milliseconds from publish to result")
    panels[0].set_ylabel("percent of orders answered")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def _backlog(data: plots.Data) -> Any:
    figure, (cost, memory) = plt.subplots(1, 2, figsize=(9, 3.6))
    sizes, costs, peaks = zip(*data["runs"], strict=True)
    for axes, values, unit in ((cost, costs, "µs of the processor for an order"), (memory, peaks, "peak memory, MB")):
        axes.plot(sizes, values, "o", color=COLOURS["PostgreSQL"], markersize=6, alpha=0.8, label="a run")
        axes.set_xscale("log")
        axes.set_xlabel("orders in the backlog")
        axes.set_ylabel(unit)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(0, max(values) * 1.25)
    after, each_order = zip(*data["course"], strict=True)
    cost.plot(after, each_order, color=INK, linewidth=1, label="batch by batch, longest run")
    cost.set_ylim(0, max(*costs, *(each for _, each in data["course"])) * 1.3)
    cost.legend(loc="upper left", fontsize=8)
    if data["slope"]:
        cost.set_title(f"longest run: cost ~ orders^{data['slope']:.3f} from {data['begin']:,} on", fontsize=10)
    memory.set_ylim(0, data["memory"] * 1.15)
    memory.axhline(data["memory"], color=GOAL, linewidth=3)
    above = {"xytext": (0, 5), "textcoords": "offset points", "color": GOAL}
    memory.annotate("goal: at most", (min(sizes), data["memory"]), **above)
    return figure


def _members(data: plots.Data) -> Any:
    figure, (pace, cost) = plt.subplots(1, 2, figsize=(9, 3.8))
    bars = [(database, count, found) for database, counts in data.items() for count, found in counts.items()]
    above = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center"}
    for place, (database, count, found) in enumerate(bars):
        middle, highest = statistics.median(found["rates"]), max(found["rates"])
        pace.bar(place, middle, 0.7, color=COLOURS[database], alpha=0.55 if count == "1" else 1)
        pace.plot([place] * 2, [min(found["rates"]), highest], color=INK, linewidth=1.5)
        pace.annotate(f"{middle:,.0f}", (place, highest), **above)
        height = 0.0
        for program, strength in PROGRAMS.items():
            part = statistics.median(each.get(program, 0) for each in found["costs"])
            cost.bar(
                place, part, 0.7, bottom=height, color=COLOURS[database], alpha=strength, edgecolor="white",
            )  # fmt: skip
            height += part
        cost.annotate(f"{height:,.0f}", (place, height), **above)
    named = [f"{database}\n{count} process{'' if count == '1' else 'es'}" for database, count, _ in bars]
    for axes, label in ((pace, "orders a second"), (cost, "µs of the processors for an order")):
        axes.set_xticks(range(len(bars)), named, fontsize=8)
        axes.set_ylabel(label)
        axes.grid(axis="x", visible=False)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
    handles = [
        plt.Rectangle((0, 0), 1, 1, facecolor=INK, alpha=strength,
                      label="our processes" if program == "ours" else f"the {program}")
        for program, strength in PROGRAMS.items()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper right", ncols=3)
    return figure


def _profile(data: plots.Data) -> Any:
    figure, axes = plt.subplots(figsize=(9, 4.4))
    parts = sorted({part for found in data.values() for part in found},
                   key=lambda part: sum(found.get(part, 0) for found in data.values()))  # fmt: skip
    for (database, found), shift in zip(data.items(), (0.2, -0.2), strict=False):
        places = [place + shift for place in range(len(parts))]
        values = [found.get(part, 0) for part in parts]
        bars = axes.barh(places, values, 0.38, color=COLOURS[database], label=database)
        axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=9)
    axes.set_yticks(range(len(parts)), parts)
    axes.set_xlabel("percent of the interpreter's time on the full path")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right")
    return figure


_DRAWN = {"ratios": _ratios, "latency": _latency, "backlog": _backlog, "members": _members, "profile": _profile}
