#!/usr/bin/env bash
# The first commands after `pip install`, without network: fill a mask, fine-tune on 100 examples and ask, from the model in the
# package, in under two minutes of processor time together.   bash tests/offline/first_commands.sh FOLDER_OF_ALBERT_NP
# FOLDER_OF_ALBERT_NP: the folder with the installed albert-np and python, such as .venv/bin. It works in a folder of its own.
set -euo pipefail
bin="$(cd "$1" && pwd)"
offline="$(cd "$(dirname "$0")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
export PYTHONPATH="$offline" HF_HUB_OFFLINE=1
if "$bin/python" -c "import socket; socket.create_connection(('example.org', 80), 2)" 2> /dev/null; then
  echo "the network can be reached: sitecustomize.py was not loaded"
  exit 1
fi

"$bin/python" - << 'PYTHON'
import json

GOOD, BAD, THINGS = "wonderful lovely great fine delightful".split(), "terrible awful poor boring bad".split(), "film meal book play".split()
rows = [(f"It was a really {word} {thing} last {when}.", label) for when in ("week", "night", "year")
        for words, label in ((GOOD, "good"), (BAD, "bad")) for word in words for thing in THINGS]  # fmt: skip
rows = [rows[37 * i % len(rows)] for i in range(len(rows))]  # 37 and 120 have no common factor
for name, part in (("train", rows[:100]), ("dev", rows[100:])):
    with open(f"{name}.tsv", "w") as file:
        file.write("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in part))
cities = {"Anna": "Rome", "Ben": "Paris", "Clara": "Berlin", "David": "Oslo", "Emma": "London", "Frank": "Madrid"}
paragraphs = []
for i, (name, city) in enumerate(cities.items()):
    context = f"{name} lives in {city} and works in a library."
    answer = {"text": city, "answer_start": context.index(city)}
    paragraphs.append({"context": context, "qas": [{"id": str(i), "question": f"Where does {name} live?", "answers": [answer]}]})
json.dump({"version": "1.1", "data": [{"title": "people", "paragraphs": paragraphs}]}, open("questions.json", "w"))
open("story.txt", "w").write("George lives in Vienna and works in a bakery.\n")
PYTHON

start=$SECONDS
"$bin/albert-np" fill-mask "The doctor told me to [MASK] more water." | tee words.txt
[ "$(wc -l < words.txt)" = 5 ] || { echo "fill-mask printed no five words"; exit 1; }
"$bin/albert-np" finetune classification --train train.tsv --dev dev.tsv --epochs 8 --batch-size 16 --lr 3e-4 --out classifier
"$bin/albert-np" predict classification --model classifier "It was a wonderful play." | tee answer.txt
grep -q "^good" answer.txt || { echo "100 examples were not learned"; exit 1; }
"$bin/albert-np" finetune question-answering --train questions.json --epochs 20 --batch-size 6 --lr 3e-4 --out reader --quiet
"$bin/albert-np" ask --model reader --context story.txt "Where does George live?" | tee answer.txt
[ -s answer.txt ] || { echo "ask printed nothing"; exit 1; }
# Processor time: other programs on the machine do not change it.
times > times.txt
used="$(awk 'NR == 2 { split($1, u, /[ms]/); split($2, s, /[ms]/)
                       printf "%d", 60 * u[1] + u[2] + 60 * s[1] + s[2] }' times.txt)"
echo "fill-mask, two fine-tunings and ask from the model in the package: $((SECONDS - start)) s, of the processor $used s"
[ "$used" -gt 0 ] && [ "$used" -lt 120 ] || { echo "that is more than two minutes"; exit 1; }
