# Compiles Python sources for corn, one artifact at a time.
#
# Bytecode must not depend on what was compiled before: marshal writes a reference for every
# object that something else holds too, interned names included, so a long-lived process
# gives other bytes than a fresh one. Each request is therefore served by a fork of a process
# that never compiles anything itself. Works on Python 3.7 and later, imports nothing that
# has to be found on disk beyond the frozen and built-in modules.
#
# A request on standard input is a number of jobs (8 bytes) and the jobs: 5 numbers of 8 bytes
# (length of the path to name, length of the source, time, size, 0), the path, the source. The
# answer to a job is a status byte, 8 bytes of length, and the bytecode or the reason why there
# is none. Numbers are little endian. Sources and bytecode never touch the disk.
import gc
import marshal
import os
import sys

MAGIC = __import__("_frozen_importlib_external").MAGIC_NUMBER
FLAGS_TIMESTAMP = b"\0\0\0\0"


def read(n):
    parts = []
    while n:
        b = os.read(0, min(n, 1 << 20))
        if not b:
            raise EOFError
        parts.append(b)
        n -= len(b)
    return b"".join(parts)


def number():
    return int.from_bytes(read(8), "little")


def write(status, data):
    data = memoryview(status + len(data).to_bytes(8, "little") + data)
    while data:
        data = data[os.write(1, data):]


def compile_one(text, display, mtime, size):
    code = compile(text, display, "exec", dont_inherit=True, optimize=0)
    return (MAGIC + FLAGS_TIMESTAMP + mtime.to_bytes(4, "little") + size.to_bytes(4, "little")
            + marshal.dumps(code))


def serve_request(jobs):
    for _ in range(jobs):
        display, source, mtime, size, _ = number(), number(), number(), number(), number()
        display, source = os.fsdecode(read(display)), read(source)
        try:
            status, data = b"+", compile_one(source, display, mtime, size)
        except Exception as e:  # a source for another Python is no error of the build
            text = "{}: {}".format(type(e).__name__, e)
            status, data = b"-", text.encode("utf-8", "replace")[:300]
        write(status, data)


def main():
    sys.setrecursionlimit(5000)
    write(b"=", "{} {}.{}.{}".format(
        int.from_bytes(MAGIC[:2], "little"), *sys.version_info[:3]).encode())
    while True:
        try:
            jobs = number()
        except EOFError:
            return
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                gc.disable()  # a collection in the middle could free what marshal counts
                serve_request(jobs)
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        write(b".", str(status).encode())


main()
