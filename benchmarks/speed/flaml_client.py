"""FLAML's client of language models, as its tuner calls it: one request after the other.

    PYTHON flaml_client.py URL MODEL WARM CALLS < prompts

Reads one prompt a line, as JSON, and prints the seconds of processor time and of the clock for
CALLS calls after WARM others. It runs in an environment of its own, since FLAML needs an old
openai. It imports nothing of tune, which is not installed there.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time


def busy() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    import openai
    from flaml.autogen import oai

    url, model, warm, calls = *sys.argv[1:3], *map(int, sys.argv[3:5])
    openai.api_base, openai.api_key = url, "no-key"
    prompts = list(map(json.loads, sys.stdin))
    with tempfile.TemporaryDirectory() as folder:
        # Its tuner keeps every answer in this cache, as tune does in its store.
        oai.ChatCompletion.set_cache(41, folder)
        for number in range(warm + calls):
            if number == warm:
                began, at = busy(), time.perf_counter()
            answer = oai.ChatCompletion.create(
                model=model,
                messages=[{"role": "user", "content": prompts[number]}],
                max_tokens=16,
                temperature=0.5,
            )
            assert oai.ChatCompletion.extract_text(answer) == ["billing"]
        print(json.dumps([busy() - began, time.perf_counter() - at]))


if __name__ == "__main__":
    main()
