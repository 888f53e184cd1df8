"""Exports networks to ONNX with reference values.

    python export.py OUT [--only PATTERN] [--again] [--list]

writes each case into OUT/NAME.EXPORTER; README.md describes the files. Cases that exist are kept. PATTERN is a shell pattern for the name
of a case (`resnet*`, `*.legacy`). Cases whose library is not installed are left out. OUT/failures.json lists the cases that failed, with
the error, and OUT/logs has the whole text.
"""

import argparse
import fnmatch
import json
import multiprocessing
import os
import re
import shutil
import sys
import time
from pathlib import Path

from cases import LIBRARIES, all_cases, missing

SECONDS = 900
# Imported once, before a process is forked for each case.
PRELOAD = ["torch._dynamo", "torchvision", "timm", "onnxruntime", "onnxscript", "torch.onnx._internal.exporter._core"]


def write_one(name: str, folder: Path, log: Path):
    """Writes one case, which appears in `folder` only when it is complete. All that is printed goes to `log`."""
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    started = folder.with_name(f".{name}.part")
    shutil.rmtree(started, ignore_errors=True)
    started.mkdir(parents=True)
    _, write = all_cases()[name]
    try:
        write(started)
        shutil.rmtree(folder, ignore_errors=True)
        started.rename(folder)
    finally:
        shutil.rmtree(started, ignore_errors=True)


def attempt(name: str, out: Path, processes) -> str | None:
    """Writes a case in a process of its own, which may crash. Returns the error."""
    log = out / "logs" / f"{name}.txt"
    process = processes.Process(target=write_one, args=(name, out / name, log))
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
        return f"more than {SECONDS} seconds"
    if process.exitcode == 0:
        log.unlink()
        return None
    if process.exitcode < 0:
        return f"killed by signal {-process.exitcode}"
    return last_error(log.read_text())


def last_error(text: str) -> str:
    """Returns the message of the last exception in `text`, shortened, and that of its direct cause."""
    text = re.sub(r"\x1b\[\d*m", "", text)
    starts = [match.start() for match in re.finditer(r"^[\w.]*(Error|Exception|Exit|Unsupported)\w*(: |$)", text, re.MULTILINE)]
    message = " ".join(text[starts[-1] if starts else -500 :].split())[:500]
    if len(starts) > 1 and "direct cause of the following" in text[starts[-2] : starts[-1]]:
        message = f"{text[starts[-2] :].splitlines()[0][:300]} ({message.split('. ')[0]})"
    return message


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--only", default="*", metavar="PATTERN")
    parser.add_argument("--again", action="store_true", help="write cases that exist, too")
    parser.add_argument("--list", action="store_true", help="print the names of the cases that can be written here")
    options = parser.parse_args()
    absent = {module: missing(module) for module in LIBRARIES}
    for module, packages in absent.items():
        if packages:
            print(f"left out: {module} ({', '.join(packages)} not installed)", file=sys.stderr)
    names = [name for name, (module, _) in all_cases().items() if fnmatch.fnmatch(name, options.only) and not absent[module]]
    if options.list:
        print("\n".join(names))
        return
    if options.out is None:
        parser.error("OUT is missing: the folder to write to")
    (options.out / "logs").mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(PRELOAD)
    path = options.out / "failures.json"
    for name in names:
        if (options.out / name / "case.json").exists() and not options.again:
            continue
        start = time.monotonic()
        error = attempt(name, options.out, processes)
        failures = json.loads(path.read_text()) if path.exists() else {}
        failures.pop(name, None)
        if error is not None:
            failures[name] = error
        path.write_text(json.dumps(failures, indent=1, sort_keys=True) + "\n")
        print(f"{name} {time.monotonic() - start:.0f} s {error or 'ok'}", flush=True)


if __name__ == "__main__":
    main()
