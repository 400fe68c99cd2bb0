# SPDX-License-Identifier: Apache-2.0
"""Registries of any size, fast: lines are added to the log of a fresh registry, signed with the key
that `slipway init` made, and the database is made from them by `slipway rebuild`. The versions have
no files: they are for looking at, not for deploying."""
import base64
import ctypes
import glob
import hashlib
import json
import os
import subprocess

EPOCH = '2026-01-02T03:04:05Z'
PAYLOAD_TYPE = b'application/vnd.in-toto+json'
SODIUM = ctypes.CDLL('libsodium.so.23')


def make(slipway, folder, models, versions):
    """A registry with so many models of so many versions each."""
    quiet = {'check': True, 'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    subprocess.run([slipway, '-R', folder, 'init', '--no-passphrase', '--name', 'bench'], **quiet)
    author = Author(slipway, folder)
    log = os.path.join(folder, 'log')
    segment, path = 1, os.path.join(log, '00000001.log')
    with open(path, 'rb') as f:
        seq = f.read().count(b'\n')
    f = open(path, 'ab', buffering=1 << 20)
    size = f.tell()
    for m in range(models):
        previous = None
        for number in range(1, versions + 1):
            text = line(author, seq, f'model-{m:06d}', number, previous)
            if size + len(text) > 64 << 20:
                f.close()
                segment, size = segment + 1, 0
                f = open(os.path.join(log, f'{segment:08}.log'), 'ab', buffering=1 << 20)
            f.write(text)
            size += len(text)
            previous, seq = seq, seq + 1
    f.close()
    subprocess.run([slipway, '-R', folder, 'rebuild', '--yes'], **quiet)


class Author:
    """The person of a fresh registry, its key and what each of its statements says alike."""

    def __init__(self, slipway, folder):
        with open(os.path.join(folder, 'registry.json'), encoding='utf-8') as f:
            self.registry = json.load(f)['id']
        keys = json.loads(subprocess.run([slipway, '-R', folder, 'key', 'list', '-o', 'json'],
                                         check=True, capture_output=True).stdout)
        self.key_id, self.secret = own_key(keys)

    def sign(self, payload):
        signed = b'DSSEv1 %d %s %d %s' % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(payload), payload)
        sig = ctypes.create_string_buffer(64)
        SODIUM.crypto_sign_ed25519_detached(sig, None, signed, ctypes.c_ulonglong(len(signed)),
                                            self.secret)
        return base64.b64encode(sig.raw).decode()


def own_key(keys):
    """The key file of the person: its id, and libsodium's form of the secret (seed, public)."""
    item = next(k for k in keys['items'] if k['for'] == 'person')
    config = os.environ.get('XDG_CONFIG_HOME') or os.path.expanduser('~/.config')
    for path in glob.glob(os.path.join(config, 'slipway', 'keys', '*.key')):
        with open(path, encoding='ascii') as f:
            text = f.read().split('\n')
        public = base64.b64decode(text[2].split(' ')[2])
        key_id = 'SHA256:' + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip('=')
        if key_id == item['key']:
            seed = base64.b64decode(text[text.index('') + 1])
            return key_id, seed + public[-32:]
    raise FileNotFoundError(f"the key file of {item['name']}")


def line(author, seq, model, number, previous):
    digest = hashlib.sha256(b'%d' % seq).hexdigest()
    size = 1000 + seq
    # written out and not by json.dumps, as 100,000 of them are wanted in seconds; canonical
    payload = (
        '{"_type":"https://in-toto.io/Statement/v1","predicate":{"bytes":%d,"files":3,'
        '"fileset":"sha256:%s","model":"%s","number":%d,"oms_root":"sha256:%s","registry":"%s"},'
        '"predicateType":"urn:slipway:version:v1","subject":[{"digest":{"sha256":"%s"},'
        '"name":"%s"}]}' % (size, digest, model, number, digest, author.registry, digest,
                             model)).encode()
    entry = (
        '{"body":{"bytes":%d,"digest":"sha256:%s","files":3,"key":"%s","number":%d,'
        '"signer":"bench"},"by":{"host":"bench","uid":0},"model":"%s","policy":1,"previous":%s,'
        '"statement":{"payload":"%s","payloadType":"%s","signatures":[{"keyid":"%s","sig":"%s"}]},'
        '"time":"%s","type":"version"}' % (
            size, digest, author.key_id, number, model, 'null' if previous is None else previous,
            base64.b64encode(payload).decode(), PAYLOAD_TYPE.decode(), author.key_id,
            author.sign(payload), EPOCH)).encode()
    return b'%d %s %s\n' % (seq, hashlib.sha256(b'\0' + entry).hexdigest().encode(), entry)
