# Runs in the image's sandbox with the notebook environment's Python. Prints milliseconds as JSON.
import json, os, subprocess, sys, time

runs, module = int(sys.argv[1]), sys.argv[2]
kernels = os.path.join(os.environ["NB_PYTHON_PREFIX"], "share/jupyter/kernels")


def took(argv, env=None):
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=env)
    return (time.perf_counter() - began) * 1000


out = {"kernels": [], "imports": []}
for name in sorted(os.listdir(kernels)):
    with open(os.path.join(kernels, name, "kernel.json")) as f:
        spec = json.load(f)
    launcher, program = spec["argv"][:2]
    if not launcher.endswith("/libexec/corn/activate"):
        continue
    python = spec["language"].lower() == "python"
    command = [program, "-c", "pass"] if python else [program, "--version"]
    bare, launched = [], []
    for i in range(runs + 1):  # in turn, so that what else runs here slows both
        b, l = took(command), took([launcher] + command)
        if i > 0:  # the first warms up
            bare.append(b)
            launched.append(l)
    out["kernels"].append({"name": name, "bare": bare, "launched": launched})
    if not python or subprocess.run([launcher, program, "-c", "import " + module], stderr=subprocess.DEVNULL).returncode != 0:
        continue
    own, none = [], []
    for i in range(runs):
        command = [launcher, program, "-c", "import " + module]
        own.append(took(command))
        # A prefix for bytecode in which there is none: everything is compiled, nothing is kept.
        none.append(took(command, dict(os.environ, PYTHONPYCACHEPREFIX="/tmp/none", PYTHONDONTWRITEBYTECODE="1")))
    out["imports"].append({"name": name, "module": module, "own": own, "none": none})
print(json.dumps(out))
