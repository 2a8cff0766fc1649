# SPDX-License-Identifier: MIT
"""Runs build/bench-stack and build/bench-memory, which measure the stack alone (stack.c, memory.c)."""

import json
import os
import subprocess

from places import BUILD


def run():
    rows = []
    for program in ("bench-stack", "bench-memory"):
        out = subprocess.run([os.path.join(BUILD, program)], text=True, check=True, stdout=subprocess.PIPE)
        rows += [json.loads(line) for line in out.stdout.splitlines()]
    return rows
