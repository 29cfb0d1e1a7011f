#!/bin/sh
# The demo: three questions, three kinds of tools, one small model inside. Usage: demo.sh GLM_AGENT
set -eu
agent=$1
here=$(cd "$(dirname "$0")/.." && pwd)
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say '1. Code: the model writes Python, a Jupyter kernel runs it.'
"$agent" run --model embedded 'What is 37 * 43?'

say '2. Functions: a registry in YAML, a function of yours.'
"$agent" run --model embedded --tools "$here/examples/04_yaml_agent/tools.yaml" 'What is the weather like in Lisbon?'

say '3. Browsing: search, open a page, quote it.'
"$agent" run --model embedded 'When was the Halden Lighthouse completed?'

printf '\nYour turn: %s chat\n' "$agent"
