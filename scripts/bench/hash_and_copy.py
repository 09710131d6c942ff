"""What the benches compare with: a file read for its sha256, and copied. As a program it does that and nothing else.

python scripts/bench/hash_and_copy.py SOURCE COPY
"""

import hashlib
import os
import shutil
import sys

BUFFER_BYTES = 1024 * 1024


def hash_and_copy(source, copy, sync=False):
    """The sha256 of `source`, which is copied to `copy`; with `sync` the copy is on the disk for good on return."""
    hasher, buffer = hashlib.sha256(), memoryview(bytearray(BUFFER_BYTES))
    with open(source, "rb", buffering=0) as file:  # noqa: PTH123 (the program imports as little as can be)
        while True:
            count = file.readinto(buffer)
            if not count:
                break
            hasher.update(buffer[:count])
    shutil.copyfile(source, copy)
    if sync:
        with open(copy, "rb") as file:  # noqa: PTH123
            os.fsync(file.fileno())
    return hasher.hexdigest()


if __name__ == "__main__":
    print(hash_and_copy(sys.argv[1], sys.argv[2]))
