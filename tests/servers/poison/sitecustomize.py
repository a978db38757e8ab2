"""For processes that start with this folder on PYTHONPATH: an engine that takes its time, and that some prompts kill.

The `describe` engine stays as it is; a prompt with `POISON` ends its process as a crash in a driver would, and each
item takes COSMOS_TEST_SECONDS.
"""

import os
import sys

if "cosmos_workflow.execution.ray.engine_process" in sys.orig_argv:
    import time

    from cosmos_workflow.engines.describe import DescribeEngine

    answer = DescribeEngine.answer

    def slow_answer(self, conversations, deliver):  # type: ignore[no-untyped-def]
        for one in conversations:
            time.sleep(float(os.environ.get("COSMOS_TEST_SECONDS", "0")))
            if "POISON" in one.text:
                os.abort()
            answer(self, [one], deliver)

    DescribeEngine.answer = slow_answer  # type: ignore[method-assign]
