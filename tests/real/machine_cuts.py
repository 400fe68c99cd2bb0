# SPDX-License-Identifier: Apache-2.0
"""Power cuts: a machine works on a registry on its second disk and says what was acknowledged; then
its power fails, and of what the disk had not flushed something is lost. It starts again and all
must be there (machine_guest.py).
"""
import collections
import json
import random
import re
import signal
import subprocess
import threading
import time

GUEST = 'PYTHONDONTWRITEBYTECODE=1 python3 /opt/slipway/machine_guest.py'
HOW = ('all', 'none', 'some', 'some')
MAKE = {'ext4': 'mkfs.ext4 -q -F', 'xfs': 'mkfs.xfs -q -f', 'btrfs': 'mkfs.btrfs -q -f'}


class Cuts:
    def __init__(self, machine, kind, rng):
        self.m, self.kind, self.rng = machine, kind, rng
        self.said, self.figures, self.on_seconds = [], collections.Counter(), 0

    def guest(self, word, *more):
        return f'{GUEST} {word} /opt/slipway /data/site {" ".join(more)}'

    def on(self, command='true'):
        self.m.start()
        self.m.must('root', f'mkdir -p /data && {command} && mount /dev/vdb /data')

    def make(self):
        self.on(f'{MAKE[self.kind]} /dev/vdb')
        self.said = self.m.must('root', 'mkdir /data/site && ' + self.guest('make')
                                ).splitlines()

    def work(self, seconds):
        """What it says until so long after its first change; then the power fails."""
        child = self.m.popen('root', self.guest('work', str(self.rng.randrange(1 << 20))),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(child.stdout))
        reader.start()
        until = time.monotonic() + 120
        while (reader.is_alive() and time.monotonic() < until
               and not any(b'"ack"' in line for line in lines)):
            time.sleep(0.05)
        time.sleep(seconds)
        how = self.rng.choice(HOW)
        disk = self.m.cut(how + (' 4096' if self.kind == 'btrfs' else ''))
        reader.join(10)
        if reader.is_alive():
            child.send_signal(signal.SIGKILL)
            reader.join()
        child.stdout.close()
        child.wait()
        self.figures[f'cuts, kept of the unflushed: {how}'] += 1
        lost = re.search(r'(\d+) writes were not flushed, (\d+)', disk)
        self.figures['writes lost with the power'] += int(lost[1]) - int(lost[2])
        return [text for text in (line.decode() for line in lines) if text.endswith('}\n')]

    def once(self):
        """One cut and what is there afterwards; an error text, or nothing."""
        self.said += self.work(self.rng.uniform(0, 10))
        stuck = [line for line in self.said if '"lost"' in line]
        if stuck:
            return stuck[0]
        began = time.monotonic()
        self.on()
        self.on_seconds += time.monotonic() - began
        done = self.m.run('root', self.guest('believe'), data=''.join(
            line.rstrip('\n') + '\n' for line in self.said))
        answers = [json.loads(line) for line in done.stdout.splitlines() if line[:1] == '{']
        state = [json.dumps(a) for a in answers if 'state' in a]
        if done.returncode != 0 or not state:
            return done.stdout + self.m.run('root', 'dmesg | tail -n 20').stdout
        for answer in answers:
            self.figures.update(answer.get('figures', {}))
        self.said = state
        return ''


def run(tap, machine, kind, count):
    seed = random.SystemRandom().randrange(1 << 32)
    cuts, began = Cuts(machine, kind, random.Random(seed)), time.monotonic()
    cuts.make()
    for i in range(count):
        why = cuts.once()
        if why:
            tap.case(False, f'{kind}: cut {i + 1} of the power', f'seed {seed}', *cuts.said[-6:],
                     why)
            return
        print(f'# {kind}: cut {i + 1}, {time.monotonic() - began:.0f} s, '
              f'{cuts.on_seconds:.0f} s of it to switch on', flush=True)
    for name in sorted(cuts.figures):
        print(f'# {kind}: {name}: {cuts.figures[name]}')
    tap.case(cuts.figures['acknowledged'] >= count,
             f'{kind}: {count} cuts of the power, nothing acknowledged is lost, check is clean')
