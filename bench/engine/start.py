# Starts one kernel as Jupyter does and prints the seconds until its first cell has run. What
# this process itself imports is imported before the clock starts.
import sys
import time

from jupyter_client.manager import KernelManager

name = sys.argv[1]
manager = KernelManager(kernel_name=name)
begin = time.perf_counter()
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=120)
reply = client.execute_interactive("40 + 2", timeout=120, output_hook=lambda message: None)
end = time.perf_counter()
client.stop_channels()
manager.shutdown_kernel(now=True)
if reply["content"]["status"] != "ok":
    sys.exit("the kernel answered %r" % reply["content"])
print("%.6f" % (end - begin))
