# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes API server for a test: found or built, started in a folder of its own, with
faults in front of it and all that went over its wire. Skips aloud where it cannot be had.
For shells: kubelab.py FOLDER [OPTION OF THE LAB...] runs one until it is terminated; FOLDER/usable
is there once it can be used.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


def bail(why, text=''):
    for line in text.splitlines()[-20:]:
        print(f'# {line}')
    print(f'Bail out! {why}')
    sys.exit(1)


def program():
    """The lab's program; its first build takes a quarter of an hour of CPU, once."""
    build = os.path.join(os.environ.get('SLIPWAY_SHARED', ''), 'tools/kubelab/build.sh')
    if not os.path.isfile(build):
        skip('no script that builds the lab below SLIPWAY_SHARED')
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    path = os.environ.get('SLIPWAY_KUBELAB', os.path.join(cache, 'slipway-kubelab/kubelab'))
    if not os.environ.get('SLIPWAY_REAL'):
        skip('the real API server takes long: packaging/test --real')
    began = time.monotonic()
    done = subprocess.run(['sh', build, path], capture_output=True, text=True)
    if done.returncode == 3:
        skip(done.stderr.strip())
    if done.returncode != 0:
        bail('the lab cannot be built', done.stderr)
    print(f'# lab built or found in {time.monotonic() - began:.0f} s')
    return path


class Tap:
    """Cases as they come; the plan is printed last."""

    def __init__(self):
        self.n, self.failed = 0, 0

    def case(self, good, name, *details):
        self.n += 1
        self.failed += not good
        print(f'{"ok" if good else "not ok"} {self.n} - {name}')
        for text in details if not good else ():
            for line in str(text).splitlines():
                print(f'#   {line}')
        sys.stdout.flush()

    def end(self):
        print(f'1..{self.n}')
        sys.exit(1 if self.failed or not self.n else 0)


class Lab:
    """with Lab() as lab: its folder is lab.dir, its address lab.server."""

    def __init__(self, *options, work=None):
        path = program()
        self.work = work or tempfile.mkdtemp(prefix='slipway-lab-')
        self.is_mine = not work
        self.dir = os.path.join(self.work, 'lab')
        self.log = open(os.path.join(self.work, 'lab.log'), 'w+')
        self.child = subprocess.Popen([path, 'serve', '--dir', self.dir, *options],
                                      stdout=self.log, stderr=self.log)

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        began = time.monotonic()
        while not os.path.exists(self.file('ready.json')):
            if self.child.poll() is not None or time.monotonic() - began > 180:
                self.__exit__()
                bail('the lab did not start', self.said)
            time.sleep(0.2)
        self.ready = json.load(open(self.file('ready.json')))
        self.server = self.ready['server']
        print(f'# {self.ready["version"]}, ready in {time.monotonic() - began:.0f} s')
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()
        self.log.seek(0)
        self.said = self.log.read()
        self.log.close()
        if self.is_mine:
            shutil.rmtree(self.work, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.dir, name)

    def faults(self, *rules):
        """From now on; none: all is well."""
        if not rules:
            if os.path.exists(self.file('faults.json')):
                os.unlink(self.file('faults.json'))
            return
        with open(self.file('faults.new'), 'w') as f:
            json.dump(rules, f)
        os.rename(self.file('faults.new'), self.file('faults.json'))

    def _lines(self, name):
        try:
            with open(self.file(name)) as f:
                return [json.loads(line) for line in f if line.endswith('\n')]
        except FileNotFoundError:
            return []

    def wire(self, since=0, path=''):
        """What our client asked and got, since that many lines."""
        return [w for w in self._lines('wire.jsonl')[since:]
                if w['requestHeader'].get('User-Agent', [''])[0].startswith('slipway/')
                and re.search(path, w['uri'])]

    def wire_now(self):
        return len(self._lines('wire.jsonl'))

    def effective(self, since=0, path=''):
        """Our writes that the server carried out, by its own audit log since that many lines.
        Its stage is Panic when the connection broke while the answer was on its way.
        """
        return [a for a in self._lines('audit.jsonl')[since:]
                if (a['stage'] == 'Panic' or a['responseStatus']['code'] < 300)
                and a['userAgent'].startswith('slipway/')
                and a['verb'] in ('create', 'update', 'patch', 'delete')
                and 'dryRun=All' not in a['requestURI'] and re.search(path, a['requestURI'])]

    def audit_now(self):
        return len(self._lines('audit.jsonl'))


def main(work, *options):
    with Lab(*options, work=work) as lab:
        sys.stdout.flush()
        open(os.path.join(work, 'usable'), 'w').close()
        status = lab.child.wait()
    sys.exit(status)


if __name__ == '__main__':
    main(*sys.argv[1:])
