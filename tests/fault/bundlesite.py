# SPDX-License-Identifier: Apache-2.0
"""Two sites with a gap between them, the bundles that one built, and what the other must say of a
bad one: refused with one line that names the file, and everything is as it was.
"""
import hashlib
import json
import os
import shutil
import tempfile

from bundlekit import Bundle, Key
from faultsite import Site, expect, memory

SMOKE = '{"apiVersion":"slipway/v1","kind":"Smoke"}\n'
WITHOUT = ('incoming', 'db/lock.mdb', 'ballast')


class Sites:
    """source and gap; root: the source's fingerprint; folder: for bundles."""

    def __init__(self, bin_dir, gap_disk=lambda top: None):
        """gap_disk: makes the gap's registry's folder somewhere else, beneath that folder."""
        self.top = tempfile.mkdtemp(prefix='slipway-bundle-', dir=memory())
        self.source = Site(bin_dir, root=f'{self.top}/source')
        self.gap = Site(bin_dir, root=f'{self.top}/gap', registry=gap_disk(self.top))
        self.folder = f'{self.top}/media'
        self.reports = f'{self.top}/reports'
        for path in (self.folder, self.reports):
            os.makedirs(path)
        options = os.environ.get('ASAN_OPTIONS', '').split(':')
        options = [o for o in options if o and not o.startswith('log_path=')]
        for site in (self.source, self.gap):
            site.env['ASAN_OPTIONS'] = ':'.join(
                [f'log_path={self.reports}/asan', 'exitcode=99', *options])
            site.env['UBSAN_OPTIONS'] = os.environ.get('UBSAN_OPTIONS', 'exitcode=99')
        self.source.must('init', '--name', 'ana', '--no-passphrase')
        self.gap.must('init', '--name', 'gus', '--no-passphrase')
        self.root = self.source.json('policy', 'show')['digest']
        self.gap.must('policy', 'trust-site', 'hq', '--root', self.root, '--yes')
        with open(f'{self.gap.registry}/registry.json', encoding='utf-8') as f:
            self.gap_id = json.load(f)['id']

    def write(self, name, data):
        path = f'{self.folder}/{name}'
        if os.path.lexists(path):
            os.chmod(path, 0o600)
        with open(path, 'wb') as f:
            f.write(data)
        return path

    def model(self, name, **files):
        folder = f'{self.top}/in/{name}'
        os.makedirs(folder, exist_ok=True)
        for file, data in files.items():
            with open(f'{folder}/{file}', 'wb') as f:
                f.write(data)
        return folder

    def key(self, site, name):
        folder = f'{site.root}/config/slipway/keys'
        found = [n for n in os.listdir(folder) if n.startswith(name) and n.endswith('.key')]
        return Key(f'{folder}/{found[0]}')

    def build(self, name, *words):
        path = f'{self.folder}/{name}'
        self.source.must('bundle', 'build', *words, '--to', path)
        return path if '--split' in words else Bundle.read(path)

    # --- what was there ---

    def tree(self):
        """path -> digest of each file of the gap's registry, but what may come and go."""
        found = {}
        for folder, _, names in os.walk(self.gap.registry):
            for path in (os.path.join(folder, name) for name in names):
                short = os.path.relpath(path, self.gap.registry)
                if not short.startswith(WITHOUT):
                    with open(path, 'rb') as f:
                        found[short] = hashlib.sha256(f.read()).hexdigest()
        return found

    def pins(self):
        folder = f'{self.gap.root}/state/slipway/bundles'
        found = {}
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            with open(f'{folder}/{name}', encoding='utf-8') as f:
                found[name] = f.read()
        return found

    def forget(self):
        """What was verified at the gap."""
        shutil.rmtree(f'{self.gap.root}/state/slipway/bundles', ignore_errors=True)

    # --- what is said ---

    def said(self, done, names, codes, hint):
        """None, or what is wrong with how it was refused."""
        lines = [line for line in done.stderr.splitlines() if not line.startswith('  next: ')]
        if done.returncode not in codes:
            return f'exit {done.returncode}, expected {codes}: {done.stderr}'
        if len(lines) != 1 or not lines[0].startswith('slipway: '):
            return f'not one line: {done.stderr}'
        if not any(os.path.basename(name) in lines[0] for name in names):
            return f'it names no file: {lines[0]}'
        if hint and hint not in done.stderr:
            return f'it does not say "{hint}": {done.stderr}'
        if os.listdir(self.reports):
            kept = os.path.join(self.reports, os.listdir(self.reports)[0])
            with open(kept, encoding='utf-8', errors='replace') as f:
                return f'a sanitizer says {f.read()[:2000]}'
        return None

    def ask(self, paths, codes=(6,), import_codes=None, named=None, clock=None, verify=True,
            hint=None):
        """verify and import, both at once; '' when both refuse and nothing changed. verify False:
        only import is asked."""
        before, pins = self.tree(), self.pins()
        more = {'SLIPWAY_CLOCK': str(clock)} if clock else {}
        names = paths if named is None else named
        started = []
        if verify:
            started.append((self.gap.start('bundle', 'verify', *paths, '--root', self.root,
                                           '--recipient', self.gap_id, '-q', **more), codes))
        started.append((self.gap.start('bundle', 'import', *paths, '-q', **more),
                        import_codes or codes))
        wrong = []
        for process, good in started:
            done = finish(process)
            text = self.said(done, names, good, hint)
            if text:
                wrong.append(f'{" ".join(process.args[1:3])}: {text}')
        if self.tree() != before:
            wrong.append('import was refused, and the registry changed: ' + ', '.join(
                sorted(set(self.tree().items()) ^ set(before.items()), key=str)[0]))
        if self.pins() != pins:
            wrong.append('verify was refused, and is remembered')
        return '\n'.join(wrong)

    def whole(self, site=None):
        done = (site or self.gap).check()
        expect(done.returncode == 0, f'check: exit {done.returncode} {done.stdout}{done.stderr}')

    def remove(self):
        self.source.remove()
        self.gap.remove()
        shutil.rmtree(self.top, ignore_errors=True)


class Done:
    def __init__(self, returncode, stderr):
        self.returncode, self.stderr = returncode, stderr


def finish(process, timeout=60):
    try:
        _, err = process.communicate(timeout=timeout)
    except Exception as why:  # it never ends: that is the finding
        process.kill()
        _, err = process.communicate()
        err += f'\n(it never ended: {type(why).__name__})'
    return Done(process.returncode, err)


def usual(sites):
    """The source's life: two people, two models, a key that is revoked. name -> Bundle."""
    source, made = sites.source, {}
    big = os.urandom(1 << 20) + bytes(500000)
    face = sites.model('face', a=b'one\n', w=big, empty=b'', cfg=b'{}')
    smoke = sites.model('smoke', smoke=SMOKE.encode()) + '/smoke'
    said = sites.model('said', metrics=b'{"auc":0.9}') + '/metrics'
    source.must('key', 'new', 'ben', '--no-passphrase')
    public = sites.model('public', ben=source.must('key', 'export', 'ben').stdout.encode())
    source.must('policy', 'add', 'ben', f'{public}/ben', '--role', 'author', '--yes', '--key',
                'ana')
    source.must('import', face, '--as', 'risk/face', '--smoke', smoke, '--key', 'ana')
    source.must('attest', 'risk/face@v1', '--type', 'metrics', said, '--key', 'ana')
    source.must('import', sites.model('zed', z=b'two\n'), '--as', 'zed', '--key', 'ben')
    made['both'] = sites.build('both.tar', 'risk/face', 'zed', '--key', 'ana')
    made['ours'] = sites.build('ours.tar', 'risk/face', '--recipient', sites.gap_id, '--key',
                               'ana')
    made['theirs'] = sites.build('theirs.tar', 'risk/face', '--recipient', 'f' * 32, '--key',
                                 'ana')
    zed = made['both'].inventory['versions'][1]['seq']
    source.must('key', 'revoke', 'ben', '--from', str(zed), '--yes', '--key', 'ana')
    source.must('import', sites.model('face', a=b'three\n'), '--as', 'risk/face', '--key', 'ana')
    made['after'] = sites.build('after.tar', 'risk/face@v2', '--key', 'ana')
    made['since'] = sites.build('since.tar', 'risk/face@v2', '--since', '3', '--key', 'ana')
    return made
