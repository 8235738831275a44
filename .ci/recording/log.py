"""Makes a log the same in every run, and free of what belongs to a machine."""
import os
import re
import socket
from pathlib import Path

from .base import WORK


def tidy(text):
    """Leaves out tasks without key calls, and numbers what differs from run to run."""
    # strace 6.1 sometimes writes a whole line in two halves.
    text = re.sub(r" <unfinished \.\.\.>\n\) +=", ") =", text)
    lines = [line for line in text.splitlines() if re.match(r"\d+ ", line)]
    parents, keep = {}, set()
    for line in lines:
        pid = line.split()[0]
        if made := re.search(r"\b(?:clone3?|v?fork)\(.*\)\s*= (\d+)$", line):
            parents[made[1]] = pid
        if re.search(r" (?:keyctl|add_key|request_key|exit_group)\(", line):
            while pid and pid not in keep:
                keep.add(pid)
                pid = parents.get(pid)
    kept = []
    for line in lines:
        made = re.search(r"\b(?:clone3?|v?fork)\(.*\)\s*= (\d+)$", line)
        is_noise = re.search(r" --- SIG| (?:get\w+|capget)\(| prctl\(PR_SET_NAME| ioctl\((?!\d+, (?:DM_TABLE_LOAD|DM_TARGET_MSG))", line)
        if line.split()[0] in keep and not is_noise and (not made or made[1] in keep):
            kept.append(line)
    text = "\n".join(kept) + "\n"
    text = re.sub(r"0x[0-9a-f]{9,}", "0x7f0000000000", text)
    # What is left of a ticket's day.
    text = re.sub(r"(KEYCTL_SET_TIMEOUT, \d+, )86\d{3}\b", r"\g<1>86400", text)
    text = re.sub(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "12345678-0000-4000-8000-000000000000", text)
    text = re.sub(r"\bCRYPT-LUKS2-[0-9a-f]{32}\b", "CRYPT-LUKS2-12345678000040008000000000000000", text)
    text = re.sub(r"\bext4:[0-9a-f]{16}\b", "ext4:0123456789abcdef", text)
    serials = re.findall(r"^\d+ +(?:add_key|request_key|keyctl)\(.*\)\s*= (\d{6,})$", text, re.M)
    serials += re.findall(r"\bkeyctl\(KEYCTL_\w+, (\d{6,})", text)
    text = numbered(text, serials, 100000001)
    # Which of several threads gets which work is chance: they are numbered in the order of their calls about keys.
    pids = re.findall(r"^\d+", text) + re.findall(r"^(\d+) +(?:keyctl|add_key|request_key)\(", text, re.M)
    pids += re.findall(r"^(\d+) ", text, re.M)
    text = numbered(text, pids, 101)
    for word, instead in {socket.gethostname(): "host", os.environ.get("USER", ""): "user", str(WORK): "/cases", str(Path.home()): "/home/user"}.items():
        if word and word != "root":
            text = re.sub(rf"(?<![\w/.-]){re.escape(word)}(?!\w)", instead, text)
    return text


def numbered(text, numbers, first):
    """Numbers replaced in the order in which they are first seen."""
    known = {number: str(first + nth) for nth, number in enumerate(dict.fromkeys(numbers))}
    return re.sub(r"\b\d+\b", lambda number: known.get(number[0], number[0]), text)
