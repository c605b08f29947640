"""Write the marshalled code objects of the pycdemo package.

Run with each Python version that the package is built for, in this folder:

    python3.11 generate.py && python3.13 generate.py

The 16-byte header of a .pyc is added by the package, so that its time and size
fields can be right, stale, or right until the source is rewritten.
"""

import importlib.util
import marshal
import pathlib
import sys

TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"
LIB = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/pycdemo"

for name in ("valid", "stale", "rewritten"):
    code = compile(f'WHERE = "bytecode of {name}"\n', f"{LIB}/{name}.py", "exec", dont_inherit=True)
    pathlib.Path(f"{TAG}-{name}.marshal").write_bytes(marshal.dumps(code))

print(TAG, importlib.util.MAGIC_NUMBER.hex())
