# SPDX-License-Identifier: MIT
"""What was measured, for people: tables on the terminal, plots as SVG."""

import os
import statistics
import subprocess

# Which figure of a work is compared, and whether less is better.
COMPARED = {"gbit_s": ("Gbit/s", False), "requests_s": ("requests/s", False),
            "connections_s": ("connections/s", False), "p50_us": ("p50 us", True), "p99_us": ("p99 us", True)}
# (work, figure, place, beside) -> floor, target
FLOORS = {
    ("bulk to the server", "gbit_s", "server", "veth"): (0.65, 1.0),
    ("bulk from the server", "gbit_s", "server", "veth"): (0.65, 1.0),
    ("nginx, kept connections, 32", "requests_s", "server", "veth"): (0.7, 1.0),
    ("nginx, one connection per request, 32", "requests_s", "server", "veth"): (0.7, 1.0),
    ("redis GET, 50 connections", "requests_s", "server", "veth"): (0.7, 1.0),
    ("half round trip, 14 bytes", "p50_us", "server", "veth"): (1.3, 0.8),
    ("half round trip, 14 bytes", "p99_us", "server", "veth"): (1.3, 0.8),
    ("bulk to the server", "gbit_s", "both", "loopback"): (1.2, 2.0),
    ("half round trip, 14 bytes", "p50_us", "both", "loopback"): (0.9, 0.6),
}
# Bytes, not ratios: (work, figure, place) or a row of micro.py -> floor, target
MEMORY_FLOORS = {
    ("10000 idle connections", "xtcpd_bytes_per_connection", "server"): (2048, 1024),
    "memory of the stack per SYN in the SYN queue": (256, 128),
    "memory of the stack per TIME_WAIT": (256, 128),
}


def values(rounds, work, place, figure):
    return [found[work, place][figure] for found in rounds
            if (work, place) in found and figure in found[work, place]]


def ratios(rounds, work, figure, place, beside):
    return [found[work, place][figure] / found[work, beside][figure] for found in rounds
            if figure in found.get((work, place), {}) and found.get((work, beside), {}).get(figure)]


def spread(numbers, form="{:.2f}"):
    if not numbers:
        return "-"
    middle = form.format(statistics.median(numbers))
    return middle if len(numbers) == 1 else f"{middle} ({form.format(min(numbers))}..{form.format(max(numbers))})"


def figures_of(rounds, work, where):
    seen = []
    for place in where:
        for found in rounds:
            seen += [f for f in found.get((work, place), {}) if f not in seen]
    return seen


def tables(rows, rounds, micro_rows):
    print(f"\n{'medians':58}" + "".join(f"{p:>12}" for p in ("veth", "loopback", "server", "client", "both")))
    for name, _, _, where, _ in rows:
        for figure in figures_of(rounds, name, where):
            cells = ""
            for place in ("veth", "loopback", "server", "client", "both"):
                v = values(rounds, name, place, figure)
                cells += f"{statistics.median(v):12.2f}" if v else f"{'-':>12}"
            print(f"{name + ': ' + figure:58}" + cells)
    print(f"\n{'ratio to veth in the same round':58}{'server':>24}{'client':>24}{'both':>24}")
    for name, _, _, where, _ in rows:
        for figure in figures_of(rounds, name, where):
            if figure in COMPARED and "veth" in where:
                print(f"{name + ': ' + COMPARED[figure][0]:58}" + "".join(
                    f"{spread(ratios(rounds, name, figure, place, 'veth')):>24}"
                    for place in ("server", "client", "both")))
    floors(rounds, micro_rows)
    print()
    for row in micro_rows:
        print(f"{row['what']:58}" + "".join(f"{n:>9}: {v:7.1f}" for n, v in row["at"].items()) + f" {row['unit']}"
              + (f"  most / least {max(row['at'].values()) / min(row['at'].values()):.2f}" if len(row["at"]) > 1 else ""))


def floors(rounds, micro_rows):
    """The figures that have one; those that were not measured in this run are left out."""
    print(f"\n{'against its floor':58}{'ratio':>24}{'floor':>8}{'target':>8}")

    def line(what, found, limits, less_is_better, form="{:.2f}"):
        if not found:
            return
        floor, target = limits
        middle = statistics.median(found)
        ok = middle <= floor if less_is_better else middle >= floor
        print(f"{what:58}{spread(found, form):>24}{floor:8}{target:8}  {'' if ok else 'BELOW ITS FLOOR'}")

    for (name, figure, place, beside), limits in FLOORS.items():
        line(f"{name}: {COMPARED[figure][0]}, {place} / {beside}", ratios(rounds, name, figure, place, beside),
             limits, COMPARED[figure][1])
    single = {row["what"]: list(row["at"].values()) for row in micro_rows}
    for what, limits in MEMORY_FLOORS.items():
        if isinstance(what, tuple):
            name, figure, place = what
            line(f"{name}: xtcpd's bytes for each", values(rounds, name, place, figure), limits, True, "{:.0f}")
        else:
            line(f"{what}, bytes", single.get(what), limits, True, "{:.0f}")


def plots(rows, rounds, micro_rows, out):
    """One bar chart a figure, each work a group; lines for cost over connections."""
    for figure, (unit, _) in COMPARED.items():
        works = [row for row in rows if any(values(rounds, row[0], place, figure) for place in row[3])]
        if not works:
            continue
        places = [place for place in ("veth", "loopback", "server", "client", "both")
                  if any(values(rounds, row[0], place, figure) for row in works)]
        with open(os.path.join(out, f"{figure}.dat"), "w") as f:
            f.write("work " + " ".join(places) + "\n")
            for name, *_ in works:
                cells = (values(rounds, name, place, figure) for place in places)
                f.write(f'"{name}" ' + " ".join(str(statistics.median(v)) if v else "NaN" for v in cells) + "\n")
        gnuplot(out, figure, f"set ylabel '{unit}'\nset style data histogram\nset style fill solid 0.8\n"
                "set xtics rotate by -30\nset yrange [0:*]\n"
                f"plot for [i=2:{len(places) + 1}] '{figure}.dat' using i:xtic(1) title columnheader(i)\n")
    micro_rows = [row for row in micro_rows if len(row["at"]) > 1]
    if micro_rows:
        counts = list(micro_rows[0]["at"])
        with open(os.path.join(out, "stack.dat"), "w") as f:
            f.write("connections " + " ".join(f'"{row["what"]}"' for row in micro_rows) + "\n")
            for count in counts:
                f.write(f"{count} " + " ".join(str(row["at"][count]) for row in micro_rows) + "\n")
        gnuplot(out, "stack", "set logscale x\nset yrange [0:*]\nset xlabel 'connections'\nset ylabel 'ns'\n"
                f"plot for [i=2:{len(micro_rows) + 1}] 'stack.dat' using 1:i with linespoints title columnheader(i)\n")


def gnuplot(out, name, commands):
    head = f"set terminal svg size 1100,560\nset output '{name}.svg'\nset key outside top\nset grid\n"
    subprocess.run(["gnuplot"], input=head + commands, text=True, cwd=out, check=True)
