"""`python -m tests.fuzz --help`; see the package."""

import argparse
import os
import resource
import time
import warnings

from . import arrays, files, fuzz

TARGETS = {target.name: target for target in [*files.TARGETS, *arrays.TARGETS]}
TURN = 200  # executions before the next target has its turn

parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
parser.add_argument("--seconds", type=float, default=60, help="in all, by the clock; default 60")
parser.add_argument("--executions", type=int, help="of each target instead")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--first", type=int, default=0, help="number of the first execution")
parser.add_argument("--last", default=os.devnull, help="file that tells the execution at work")
options = parser.parse_args()
if unknown := set(options.targets) - set(TARGETS):
    parser.error(f"expected targets of {', '.join(TARGETS)}, got {', '.join(sorted(unknown))}")
warnings.simplefilter("ignore")
names = options.targets or list(TARGETS)
runs = {name: fuzz(TARGETS[name], options.seed, options.first) for name in names}
outcomes, told = {}, dict.fromkeys(names, 0)
end = time.monotonic() + options.seconds
done = 0
with open(options.last, "w") as last:
    while (done < options.executions) if options.executions else (time.monotonic() < end):
        turn = min(TURN, options.executions - done) if options.executions else TURN
        for name in names:
            for i in range(turn):
                text = f"{name} --seed {options.seed} --first {options.first + done + i}\n"
                last.seek(0)
                last.write(text)
                last.flush()
                outcomes[name] = next(runs[name])
            for finding in outcomes[name].findings[told[name] :]:
                print(finding, flush=True)
            told[name] = len(outcomes[name].findings)
        done += turn
        if sum(told.values()) > 100:  # enough to work on
            break
for outcome in outcomes.values():
    share = outcome.accepted / outcome.executions
    rate = outcome.executions / max(outcome.seconds, 1e-9)
    print(
        f"{outcome.target}: {outcome.executions} executions, {share:.1%} accepted, "
        f"{rate:.0f} per second of CPU, {len(outcome.findings)} findings"
    )
print(f"largest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
raise SystemExit(any(outcome.findings for outcome in outcomes.values()))
