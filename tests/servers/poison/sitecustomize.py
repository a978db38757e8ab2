"""For processes that start with this folder on PYTHONPATH: an engine that takes its time, and that some prompts kill.

The `describe` engine stays as it is; a prompt with `POISON` ends its process as a crash in a driver would, and one
with `WAIT 0.5` takes so many seconds, one with `UNTIL /a/file` until that file is there.
"""

import os
import re
import sys

if "cosmos_workflow.engines.process" in sys.orig_argv:
    import time

    from cosmos_workflow.engines.describe import DescribeEngine

    answer = DescribeEngine.answer

    def slow_answer(self, conversations, deliver):  # type: ignore[no-untyped-def]
        for one in conversations:
            if wait := re.search(r"WAIT ([\d.]+)", one.text):
                time.sleep(float(wait[1]))
            if gate := re.search(r"UNTIL (\S+)", one.text):
                while not os.path.exists(gate[1]):  # noqa: PTH110
                    time.sleep(0.05)
            if "POISON" in one.text:
                os.abort()
            answer(self, [one], deliver)

    DescribeEngine.answer = slow_answer  # type: ignore[method-assign]
