#!/usr/bin/env bash
# Measures the CPU vLLM of `make vllm-env` and writes docs/TESTING_RESULTS.md: half an hour on an idle machine.
# Everything is recorded in lab.db of this folder; a second start continues where the first stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
export COSMOS_STORE_URL="sqlite:///$PWD/lab.db" XDG_CONFIG_HOME=/nonexistent COSMOS_DATA="$PWD/.vllm/data"
cosmos() { .vllm/venv/bin/python -m cosmos_workflow "$@"; }
model=(--engine vllm --model-path .vllm/tiny-pixtral --engine-option load_format=dummy)
memory=(--search batch --max-batch 8)

export VLLM_CPU_KVCACHE_SPACE=1
cosmos probe "${model[@]}" --frames 2,1 --around 6 --max-batch 24
cosmos bench "${model[@]}" --batch 3
cosmos bench "${model[@]}" --mode one-at-a-time,batch,warm --batch 16
# The same with other amounts of memory, to compare the planner's KV cache with the engine's.
cosmos probe "${model[@]}" "${memory[@]}" --engine-option num_gpu_blocks_override=64
cosmos probe "${model[@]}" "${memory[@]}" --engine-option max_num_seqs=2
cosmos probe "${model[@]}" "${memory[@]}" --engine-option num_gpu_blocks_override=160 --max-model-len 9216
unset VLLM_CPU_KVCACHE_SPACE
cosmos probe "${model[@]}" "${memory[@]}" --engine-option kv_cache_memory_bytes=8388608
cosmos probe "${model[@]}" "${memory[@]}" --engine-option kv_cache_memory_bytes=12000000 \
  --engine-option max_num_seqs=4
VLLM_CPU_KVCACHE_SPACE=2 cosmos probe "${model[@]}" "${memory[@]}" --max-model-len 8192
.venv/bin/python -m cosmos_workflow report -o docs/TESTING_RESULTS.md --html .vllm/TESTING_RESULTS.html
