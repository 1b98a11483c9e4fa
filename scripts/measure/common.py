"""What the measuring scripts share: running `sterna`, printing a table, ending in one line of JSON.

A script installs nothing. `--quick` ends within a minute, `--full` measures everything.
"""

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments(about, anchors=False, options=(), switches=()):
    """The flags of every measuring script, `--anchors` of those that compare with peers' stored figures, and a script's own:
    pairs of a name and its help, options with a value."""
    parser = argparse.ArgumentParser(description=about)
    if anchors:
        parser.add_argument("--anchors", required=True, help="folder with matrices/ and the peers' figures as .csv")
        parser.add_argument("--effort", type=int, default=1, help="effort of the search for shared sums")
    for name, text in options:
        parser.add_argument(f"--{name}", help=text)
    for name, text in switches:
        parser.add_argument(f"--{name}", action="store_true", help=text)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a small version, under a minute")
    size.add_argument("--full", action="store_true", help="measure everything")
    return parser.parse_args()


def build(*what, name):
    """Path of a release build, built if need be."""
    subprocess.run(["cargo", "build", "--release", "--quiet", *what], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    return os.path.join(target, "release", name)


class Binary:
    """The command, built when first asked for."""

    @functools.cached_property
    def path(self):
        """Path of the release build."""
        return build(name="sterna")


binary = Binary()


def sterna(*args, may_fail=False):
    """Runs `sterna ARGS --json` and returns the object it prints."""
    run = subprocess.run([binary.path, *map(str, args), "--json"], stdout=subprocess.PIPE, text=True)
    if run.returncode != 0 and not may_fail:
        sys.exit(f"sterna {' '.join(map(str, args))}: exit {run.returncode}: {run.stdout}")
    return json.loads(run.stdout)


def need(tool):
    """Ends the script, loudly, when a tool is missing."""
    if shutil.which(tool) is None:
        sys.exit(f"{tool} is not on the PATH; scripts/setup.sh installs it")


def version(*command):
    """First line of what a tool prints of its version."""
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    return out.strip().splitlines()[0]


def folder():
    """A temporary folder that goes with the script."""
    return tempfile.TemporaryDirectory(prefix="sterna-measure-")


def figure(what, ours, bar, below=False, peer=None):
    """One figure and whether it meets its bar (at least the bar, or at most when `below`)."""
    entry = {"what": what, "ours": ours, "bar": bar, "holds": ours <= bar if below else ours >= bar}
    if peer is not None:
        entry.update(peer=peer, ratio=round(ours / peer, 4) if peer else None)
    return entry


def table(header, rows):
    """Prints rows in columns."""
    cells = [list(map(str, row)) for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))))


def finish(measure, tools, figures):
    """The last line, and an exit status that says whether all bars hold."""
    print(json.dumps({"measure": measure, "tools": tools, "figures": figures}, separators=(",", ":")))
    sys.exit(0 if all(f["holds"] for f in figures) else 1)

