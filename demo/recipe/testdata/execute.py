"""Starts a kernel, executes code in it and prints what came: execute.py NAME CODE."""

import os
import sys

from jupyter_client.manager import start_new_kernel

manager, client = start_new_kernel(kernel_name=sys.argv[1], startup_timeout=120)
texts = []


def hear(message):
    content = message["content"]
    texts.append(content.get("text") or content.get("data", {}).get("text/plain") or content.get("evalue") or "")


try:
    reply = client.execute_interactive(sys.argv[2], timeout=120, output_hook=hear)
    print(reply["content"]["status"], "".join(texts).strip(), flush=True)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    os._exit(0)  # old clients complain while Python ends
