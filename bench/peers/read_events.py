"""Reads the TensorBoard events of a run with TensorBoard's own reader and compares every scalar with metrics.jsonl.

    sophia train ... --out RUN
    python3 read_events.py RUN

The reader checks the checksums of all records. Of a resumed run, the steps after its checkpoint must stand once. Exit code 1 where a scalar is missing, is one too many, or has another value than the
number of metrics.jsonl rounded to float. Needs tensorboard.
"""

import argparse
import json
import os
import struct
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def rounded(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def scalars(path):
    """The scalars that a line of metrics stands for: those of the step itself, of its sources and of its evaluation."""
    found = {}
    for line in open(path, encoding="utf-8"):
        fields = json.loads(line)
        step = fields.pop("step")
        for name, value in fields.items():
            prefix = {"evaluation": "eval/"}.get(name, name + "/")
            values = {prefix + inner: number for inner, number in value.items()} if isinstance(value, dict) else {"train/" + name: value}
            found.update({(tag, step): rounded(number) for tag, number in values.items()})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of metrics.jsonl and the events")
    options = parser.parse_args()

    accumulator = EventAccumulator(options.run, size_guidance={"scalars": 0})
    accumulator.Reload()
    read = [(tag, event.step, event.value) for tag in accumulator.Tags()["scalars"] for event in accumulator.Scalars(tag)]
    expected = scalars(os.path.join(options.run, "metrics.jsonl"))
    found = {(tag, step): value for tag, step, value in read}
    wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    for tag, step in wrong[:10]:
        print(f"{tag} at step {step}: expected {expected.get((tag, step), 'none')}, found {found.get((tag, step), 'none')}")
    repeated = len(read) - len(found)
    print(f"{options.run}: {len(read)} scalars of {len({tag for tag, _, _ in read})} tags, {len(wrong)} differ from metrics.jsonl, {repeated} stand twice")
    return 1 if wrong or repeated or not read else 0


if __name__ == "__main__":
    sys.exit(main())
