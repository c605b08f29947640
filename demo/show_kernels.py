"""Start every kernel that this Jupyter knows, run code in it, and say what came of it."""

import sys

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import start_new_kernel

CODE = {
    "python": """
import importlib, sys
versions = []
for name in ("numpy", "pandas", "xarray", "dask"):
    try:
        versions.append(name + " " + importlib.import_module(name).__version__)
    except ImportError:
        pass
print(", ".join(versions) or "no numpy here")
try:
    import numpy, xarray
    grid = xarray.DataArray(numpy.arange(6.0).reshape(2, 3), dims=("y", "x"))
    print("mean over y:", grid.mean("y").values.tolist())
except ImportError:
    print("sum of squares:", sum(i * i for i in range(10)))
print("prefix:", sys.prefix)
""",
    "R": """
fit <- lm(mpg ~ wt, data = mtcars)
cat("lm(mpg ~ wt):", format(coef(fit), digits = 4), "\\n")
cat("home:", R.home(), "\\n")
""",
}


def run(name, spec):
    manager, client = start_new_kernel(kernel_name=name, startup_timeout=120)
    try:
        info = client.kernel_info(reply=True, timeout=60)["content"]["language_info"]
        lines = []

        def collect(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                lines.append(content["text"])
            elif message["msg_type"] == "error":
                lines.append("\n".join(content["traceback"]))

        code = CODE.get(info["name"], "")
        reply = client.execute_interactive(code, timeout=120, output_hook=collect)
        print(f"{name}: {spec['display_name']} ({info['name']} {info['version']})")
        for line in "".join(lines).rstrip().splitlines():
            print("    " + line)
        return reply["content"]["status"] == "ok" and code != ""
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main():
    failed = []
    specs = KernelSpecManager().get_all_specs()
    for name, found in sorted(specs.items()):
        try:
            ok = run(name, found["spec"])
        except Exception as error:  # one broken kernel must not hide the others
            print(f"{name}: {type(error).__name__}: {error}")
            ok = False
        if not ok:
            failed.append(name)
        sys.stdout.flush()
    if failed or not specs:
        sys.exit("kernels that did not work: " + (", ".join(failed) or "none found"))


main()
