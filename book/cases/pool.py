# A pool of two threads: one adds a key, the other looks for it. Debian: apt install python3-keyutils
import threading
from concurrent.futures import ThreadPoolExecutor

import keyutils

RING = keyutils.KEY_SPEC_PROCESS_KEYRING
both_run, added = threading.Barrier(2), threading.Event()


def look():
    both_run.wait()
    added.wait()
    print("found:", keyutils.request_key(b"db", RING))


def add():
    both_run.wait()
    keyutils.add_key(b"db", b"correct horse battery", RING)
    added.set()


keyutils.clear(RING)  # the fix: this creates the keyring
with ThreadPoolExecutor(2) as pool:
    for job in [pool.submit(look), pool.submit(add)]:
        job.result()
