# SPDX-License-Identifier: Apache-2.0
"""Registries of any size, fast: lines are added to the log of a fresh registry and the database is
made from them by `slipway rebuild`. The versions have no files and their signatures are digests of
nothing: they are for looking at, not for verifying."""
import hashlib
import json
import os
import subprocess

EPOCH = '2026-01-02T03:04:05Z'


def make(slipway, folder, models, versions):
    """A registry with so many models of so many versions each."""
    quiet = {'check': True, 'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    subprocess.run([slipway, '-R', folder, 'init', '--no-passphrase', '--name', 'bench'], **quiet)
    log = os.path.join(folder, 'log', '00000001.log')
    with open(log, 'rb') as f:
        seq = f.read().count(b'\n')
    with open(log, 'ab', buffering=1 << 20) as f:
        for m in range(models):
            previous = None
            for number in range(1, versions + 1):
                f.write(line(seq, f'model-{m:06d}', number, previous))
                previous, seq = seq, seq + 1
    subprocess.run([slipway, '-R', folder, 'rebuild', '--yes'], **quiet)


def line(seq, model, number, previous):
    digest = hashlib.sha256(b'%d' % seq).hexdigest()
    entry = json.dumps({
        'body': {'bytes': 1000 + seq, 'digest': 'sha256:' + digest, 'files': 3,
                 'key': 'SHA256:' + 'A' * 43, 'number': number, 'signer': 'bench'},
        'by': {'host': 'bench', 'uid': 0}, 'model': model, 'policy': 1, 'previous': previous,
        'statement': 'sha256:' + digest, 'time': EPOCH, 'type': 'version',
    }, separators=(',', ':')).encode()
    return b'%d %s %s\n' % (seq, hashlib.sha256(b'\0' + entry).hexdigest().encode(), entry)
