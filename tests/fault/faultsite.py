# SPDX-License-Identifier: Apache-2.0
"""A registry in a folder of its own with two directory targets, commands run on it, and what the
fault tests ask after each disaster: is everything still there that was acknowledged?

Every process that a command leaves behind carries MARK in its environment; only those are ended.
"""
import ctypes
import json
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

# Processes are killed here at any moment, also while they open a sanitizer report: their reports
# have names of their own, of which tests/summary lets empty ones pass.
os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '').replace('/asan:', '/fault:')

MARK = 'SLIPWAY_FAULT_TEST'
MODEL = 'face-detect'
FINAL = ('succeeded', 'aborted', 'failed', 'rolled-back', 'rollback-failed', 'superseded')


class Lost(Exception):
    """An acknowledged change is not there, or the registry is not whole."""


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

    def skip(self, name, reason):
        self.n += 1
        print(f'ok {self.n} - {name} # SKIP {reason}')

    def end(self):
        print(f'1..{self.n}')
        sys.exit(1 if self.failed or not self.n else 0)


class Options:
    """BIN-FOLDER [--long]: the long form is for a release; $FAULT_SEED repeats a run."""

    def __init__(self, argv):
        self.long = '--long' in argv
        bins = [word for word in argv[1:] if not word.startswith('--')]
        if len(bins) != 1 or set(argv[1:]) - {'--long', bins[0]}:
            sys.exit(f'usage: {os.path.basename(argv[0])} BIN-FOLDER [--long]\n\n'
                     + (sys.modules['__main__'].__doc__ or '').strip())
        self.bin = bins[0]
        self.seed = int(os.environ.get('FAULT_SEED', random.SystemRandom().randrange(1 << 32)))
        self.rng = random.Random(self.seed)
        print(f'# FAULT_SEED={self.seed}, {"long" if self.long else "short"} form')


def expect(good, text):
    if not good:
        raise Lost(text)


def memory():
    """A folder in memory of some size, if any."""
    try:
        fs = os.statvfs('/dev/shm')
    except OSError:
        return None
    free = fs.f_bavail * fs.f_frsize
    return '/dev/shm' if free > 200 << 20 and os.access('/dev/shm', os.W_OK) else None


def skip_all(reason):
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)


class Site:
    def __init__(self, bin_dir, root=None, registry=None):
        # children of children become ours, so that no agent outlives the test
        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)
        self.slipway = os.path.join(os.path.abspath(bin_dir), 'slipway')
        # in memory where there is room: nothing here asks what a real disk does
        self.root = root or tempfile.mkdtemp(prefix='slipway-fault-', dir=memory())
        self.registry = registry or os.path.join(self.root, 'registry')
        self.mark = uuid.uuid4().hex
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(('SLIPWAY_', 'XDG_'))}
        self.env.update({'HOME': self.root, 'XDG_CONFIG_HOME': self.root + '/config',
                         'XDG_STATE_HOME': self.root + '/state', 'LC_ALL': 'C.UTF-8',
                         'XDG_CACHE_HOME': self.root + '/cache', 'CI': '1',
                         'SLIPWAY_REGISTRY': self.registry, MARK: self.mark})
        for stage in ('staging', 'production'):
            os.makedirs(self.target(stage), exist_ok=True)

    def target(self, stage):
        return f'{self.root}/target-{stage}'

    def start(self, *words, **more):
        return subprocess.Popen([self.slipway, *words], env={**self.env, **more},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def start_console(self, wanted):
        """The console in its own terminal, once it has painted; (process, descriptor, text)."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([self.slipway], env={**self.env, 'TERM': 'xterm-256color'},
                                   stdin=theirs, stdout=theirs, stderr=theirs,
                                   start_new_session=True)
        os.close(theirs)
        painted, until = b'', time.monotonic() + 30
        while wanted.encode() not in painted and time.monotonic() < until:
            painted += os.read(ours, 65536)
        expect(wanted.encode() in painted, f'the console does not show {wanted}')
        return process, ours, painted

    def run(self, *words, timeout=60, **more):
        process = self.start(*words, **more)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += '\n(it never ended)'
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def must(self, *words, **more):
        done = self.run(*words, **more)
        if done.returncode != 0:
            raise RuntimeError(f'{" ".join(words)}: exit {done.returncode}\n{done.stderr}')
        return done

    def json(self, *words):
        return json.loads(self.must(*words, '-o', 'json').stdout)

    def make(self):
        self.must('init', '--name', 'ana', '--no-passphrase')
        for stage in ('staging', 'production'):
            self.must('target', 'add', stage, '--driver', 'directory', '--path',
                      self.target(stage), '--stage', stage, '--yes')

    def model(self, name, *sizes):
        """A folder with files of these sizes, different each time."""
        path = f'{self.root}/in/{name}'
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        for i, size in enumerate(sizes):
            with open(f'{path}/part-{i}.bin', 'wb') as f:
                f.write(os.urandom(16) + bytes(size))
        return path

    # --- processes ---

    def left(self):
        """Ids of living processes that carry our mark."""
        found, needle = [], f'{MARK}={self.mark}'.encode()
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/environ', 'rb') as f:
                    if needle in f.read().split(b'\0'):
                        found.append(int(pid))
            except OSError:
                continue
        return [pid for pid in found if pid != os.getpid()]

    def kill_left(self, only=lambda pid: True):
        for pid in filter(only, self.left()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def settle(self, seconds=30):
        """Waits until nothing of ours runs; what then still does is ended."""
        until = time.monotonic() + seconds
        while self.left() and time.monotonic() < until:
            self.reap()
            time.sleep(0.002)
        stuck = bool(self.left())
        self.kill_left()
        self.reap()
        return not stuck

    @staticmethod
    def reap():
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    # --- as it was ---

    def keep(self):
        """Every file of the registry and of this person's pins, to be put back by back()."""
        self.kept = {}
        for top in (self.registry, self.root + '/state'):
            for folder, _, names in os.walk(top):
                for path in (os.path.join(folder, name) for name in names):
                    if os.path.basename(path) != 'ballast':
                        with open(path, 'rb') as f:
                            self.kept[path] = f.read()

    def back(self):
        """In place, as inodes matter; blobs that came later stay. Nothing runs meanwhile."""
        for path, data in self.kept.items():
            if '/blobs/' in path:
                continue
            with open(path, 'rb+' if os.path.exists(path) else 'wb') as f:
                f.write(data)
                f.truncate()

    # --- what is there ---

    def check(self):
        return self.run('check', '-o', 'json')

    def versions(self):
        """number -> (digest, labels); nothing before the first import."""
        done = self.run('list', MODEL, '-o', 'json')
        if done.returncode == 3:
            return {}
        if done.returncode != 0:
            raise RuntimeError(f'list: exit {done.returncode}\n{done.stderr}')
        return {v['version']: (v['digest'], v['labels'])
                for v in json.loads(done.stdout)['items']}

    def stages(self):
        for m in self.json('list')['items']:
            if m['name'] == MODEL:
                return {s: m['stages'].get(s) for s in ('staging', 'production')}
        return {'staging': None, 'production': None}

    def served(self, stage):
        """The version that a server which takes the highest number would serve."""
        folder = f'{self.target(stage)}/{MODEL}'
        numbers = [int(n) for n in os.listdir(folder) if n.isdigit()] \
            if os.path.isdir(folder) else []
        return max(numbers, default=None)

    def open_jobs(self):
        return [j['id'] for j in self.json('job', 'list')['items'] if j['state'] not in FINAL]

    def remove(self):
        self.kill_left()
        self.reap()
        shutil.rmtree(self.root, ignore_errors=True)
