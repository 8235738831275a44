"""What the recording of all cases has in common: places, needs, what is cleaned up."""
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "book/cases"
STORED = ROOT / "snapshots/cases"
WORK = ROOT / "target/cases"
KEYBOOK = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/keybook"
# Nothing of the caller's environment reaches a program.
ENVIRONMENT = {"PATH": "/usr/bin:/usr/sbin", "HOME": "/nonexistent", "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8"}
CALLS = "keyctl,add_key,request_key,clone,clone3,fork,vfork,execve,execveat,exit,exit_group,%creds"
SECRET = "correct horse battery"


class Skipped(Exception):
    """A case cannot run here."""


def run(*command, **options):
    """Runs a command that must succeed."""
    return subprocess.run(command, check=True, **options)


# What must be done after the case.
AFTERWARDS = []


def need(*commands):
    for command in commands:
        if not shutil.which(command, path=ENVIRONMENT["PATH"]):
            raise Skipped(f"{command} is not installed")


def need_file(path):
    if not Path(path).exists():
        raise Skipped(f"{path} does not exist: .ci/cases --install")


def source(name, fixed, to):
    """Copies a program. `the fix` at the end of a line marks it; `the fix, not: …` says what stands there without it."""
    lines = []
    for line in (SOURCES / name).read_text().splitlines():
        mark = re.fullmatch(r"(\s*).*?\s*(?://|#) the fix(?:, not: (.*)|:.*)?", line)
        if mark and not fixed:
            lines += [mark[1] + mark[2]] if mark[2] else []
        else:
            lines.append(line)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text("\n".join(lines) + "\n")
    return to


def shell(script):
    """A script in its own session."""
    need("keyctl")
    return ["keyctl", "session", "-", "sh", "-c", script]
