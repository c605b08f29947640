# Compiles Python sources for corn, one artifact at a time.
#
# Bytecode must not depend on what was compiled before: marshal writes a reference for every
# object that something else holds too, interned names included, so a long-lived process
# gives other bytes than a fresh one. Each request is therefore served by a fork of a process
# that never compiles anything itself. Works on Python 3.7 and later, imports nothing that
# has to be found on disk beyond the frozen and built-in modules.
import gc
import marshal
import os
import sys

MAGIC = __import__("_frozen_importlib_external").MAGIC_NUMBER
FLAGS_TIMESTAMP = b"\0\0\0\0"


def compile_one(source, display, out, mtime, size):
    with open(source, "rb", buffering=0) as f:
        text = f.read()
    code = compile(text, display, "exec", dont_inherit=True, optimize=0)
    header = MAGIC + FLAGS_TIMESTAMP + mtime.to_bytes(4, "little") + size.to_bytes(4, "little")
    with open(out, "wb") as f:
        f.write(header + marshal.dumps(code))


def serve_request(jobs, answers):
    for source, display, out, mtime, size in jobs:
        try:
            compile_one(source, os.fsdecode(display), out, int(mtime), int(size))
            line = b"ok\n"
        except Exception as e:  # a source for another Python is no error of the build
            text = "{}: {}".format(type(e).__name__, e).replace("\n", " ")
            line = b"no " + text.encode("utf-8", "replace")[:300] + b"\n"
        os.write(answers, line)


def main():
    sys.setrecursionlimit(5000)
    requests, answers = sys.stdin.buffer, sys.stdout.fileno()
    os.write(answers, "corn {} {}.{}.{}\n".format(
        int.from_bytes(MAGIC[:2], "little"), *sys.version_info[:3]).encode())
    while True:
        head = requests.readline()
        if not head:
            return
        fields = requests.read(int(head)).split(b"\0")[:-1]
        jobs = list(zip(*[iter(fields)] * 5))
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                gc.disable()  # a collection in the middle could free what marshal counts
                serve_request(jobs, answers)
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        os.write(answers, "end {}\n".format(status).encode())


main()
