"""Runs jupyter_kernel_test on the kernels that the arguments name, and prints what came of it as JSON."""

import json
import sys
import unittest

import jupyter_kernel_test


class PythonKernel(jupyter_kernel_test.KernelTests):
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('on stderr', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples = ["1", "print('hello, world')", "def twice(x):\n    return 2 * x\n\n"]
    incomplete_code_samples = ["print('''open", "def twice(x):"]
    invalid_code_samples = ["import = 7q"]
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('meant')"
    code_execute_result = [{"code": "40 + 2", "result": "42"}, {"code": "'a' * 3", "result": "'aaa'"}]
    code_display_data = [
        {"code": "from IPython.display import HTML, display; display(HTML('<b>bold</b>'))", "mime": "text/html"},
    ]
    code_history_pattern = "4?*"
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


def main(names):
    results = {}
    for name in names:
        case = type("Kernel_" + name.replace("-", "_"), (PythonKernel,), {"kernel_name": name})
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
        result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2).run(suite)
        results[name] = {
            "Ran": result.testsRun,
            "Skipped": sorted(test.id().split(".")[-1] for test, _ in result.skipped),
            "Failed": {test.id(): text for test, text in result.failures + result.errors},
        }
    print(json.dumps(results))


main(sys.argv[1:])
