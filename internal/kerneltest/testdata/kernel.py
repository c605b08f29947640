# A kernel of a few lines: reads code as JSON, one a line, and prints what it gives.
import json, os, signal, sys, traceback

out = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


class Stream:
    def write(self, text):
        out.write(json.dumps({"Stream": text}) + "\n")

    def flush(self):
        pass


names = {"__name__": "__main__"}
sys.stdout = Stream()
signal.signal(signal.SIGINT, (lambda *_: os._exit(139)) if "DIES_OF_INTERRUPT" in os.environ else signal.default_int_handler)
while True:
    try:
        line = sys.stdin.readline()
        if not line:
            break
        exec(compile(json.loads(line), "cell", "exec"), names)
    except BaseException as e:
        out.write(json.dumps({"Error": type(e).__name__, "Value": str(e), "Traceback": traceback.format_exc().splitlines()}) + "\n")
    out.write('{"Done": true}\n')
