# SPDX-License-Identifier: MIT
"""Runs build/bench-stack, which measures the stack alone (stack.c)."""

import json
import os
import subprocess

from places import BUILD


def run():
    out = subprocess.run([os.path.join(BUILD, "bench-stack")], text=True, check=True, stdout=subprocess.PIPE)
    return [json.loads(line) for line in out.stdout.splitlines()]
