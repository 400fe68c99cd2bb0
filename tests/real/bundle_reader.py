# SPDX-License-Identifier: Apache-2.0
"""bundle_reader.py FINGERPRINT FILE.. [--after FILE..] [--for ID] [--at TIME]: checks a bundle with
nothing but what slipway-format(5) says. Of parts all are given, in their order; --after is the
bundle that came last from there. The clock is now unless --at says.

An implementation of its own, so that page and program cannot drift apart unseen; the proof inside
is read by proof_reader.py, which is another such. Prints what is in it, or one line why not and
exit 1. Needs the openssl program for Ed25519; knows no registry and no slipway.
"""
import hashlib
import json
import re
import sys
import time

sys.dont_write_bytecode = True
from proof_reader import (MEMBERS, ROLE, Bad, Proof, Statement, canonical, hashes, key_bytes,
                          keys_of, need, parse, roots_by_proof, sha256)

MEMBERS['BundleProof'] = {'growth'}
ROLE['evidence'] = ('author', 'approver', 'scanner')
PEOPLE = ('root', 'author', 'approver', 'deployer', 'scanner')
OCI = 'application/vnd.oci.image.'
BUNDLE = 'application/vnd.slipway.bundle.v1+json'
LAYERS = ('application/vnd.dsse.envelope.v1+json',
          'application/vnd.slipway.bundle-inventory.v1+json',
          'application/vnd.slipway.bundle-list.v1',
          'application/vnd.slipway.bundle-proof.v1+json')
EMPTY = b'{}'
# front documents in their order, with the most bytes that one may have
MOST = (64, 4194304, 4096, 64, 49152, 4194304, 131072 * 88, 8388608)
LAYOUT, INDEX, MANIFEST, CONFIG, ENVELOPE, INVENTORY, LIST, PROOF = range(8)
INVENTORY_MEMBERS = {'apiVersion', 'blobs', 'bytes', 'counter', 'created', 'expires', 'kind',
                     'list', 'proof', 'recipients', 'registry', 'root', 'since', 'versions'}
VERSION_MEMBERS = {'digest', 'model', 'number', 'seq', 'size'}
MODEL = r'[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*'


def digest(data):
    return 'sha256:' + sha256(data).hex()


def text(value):
    """JSON with its members in the order in which they are given"""
    return json.dumps(value, separators=(',', ':')).encode()


# --- the tar ---

def field(number, width):
    return b'%0*o\0' % (width - 1, number)


def ustar(name, size, kind):
    """POSIX.1-2017, pax, "ustar Interchange Format" """
    head = (name.encode().ljust(100, b'\0') + field(0o444, 8) + field(0, 8) + field(0, 8) +
            field(size, 12) + field(0, 12) + b' ' * 8 + kind + bytes(100) + b'ustar\0' b'00' +
            bytes(64) + field(0, 8) + field(0, 8)).ljust(512, b'\0')
    return head[:148] + b'%06o\0 ' % sum(head) + head[156:]


def header(name, size):
    if size < 8589934592:
        return ustar(name, size, b'0')
    record = f' size={size}\n'.encode()
    record = b'%d' % (len(record) + 2) + record
    return (ustar('size.pax', len(record), b'x') + record.ljust(512, b'\0') +
            ustar(name, 0, b'0'))


class Tar:
    """Takes one file after the other, each with just the header that a bundle has there."""

    def __init__(self, paths):
        self.files = [open(p, 'rb') for p in paths]
        self.at = 0

    def take(self, n):
        data = b''
        while len(data) < n and self.files:
            more = self.files[0].read(n - len(data))
            if not more:
                self.files.pop(0).close()
            data += more
        need(len(data) == n, f'it ends early, behind byte {self.at}')
        self.at += n
        return data

    def padding(self, size):
        need(not any(self.take(-size % 512)), 'what fills a block is not empty')

    def peek_document(self, most):
        """A document whose size only its header says."""
        block = self.take(512)
        need(re.fullmatch(b'[0-7]{11}\0', block[124:136]), 'no header')
        size = int(block[124:135], 8)
        need(0 < size <= most, 'a document that is empty or too large')
        data = self.take(size)
        self.padding(size)
        return block, data

    def blob(self, hexes, size, keep):
        name = f'blobs/sha256/{hexes}'
        want = header(name, size)
        need(self.take(len(want)) == want, f'{name}: another header')
        h, left, kept = hashlib.sha256(), size, []
        while left:
            piece = self.take(min(left, 1 << 20))
            h.update(piece)
            left -= len(piece)
            if keep:
                kept.append(piece)
        self.padding(size)
        need(h.hexdigest() == hexes, f'{name}: other bytes')
        return b''.join(kept)

    def end(self):
        need(not any(self.take(1024)), 'no end')
        need(not any(f.read(1) for f in self.files), 'bytes behind the end')


# --- documents ---

def descriptor(kind, name, size):
    return {'mediaType': kind, 'digest': name, 'size': size}


def manifest_text(docs):
    return text({'schemaVersion': 2, 'mediaType': OCI + 'manifest.v1+json',
                 'artifactType': BUNDLE,
                 'config': descriptor('application/vnd.oci.empty.v1+json', digest(EMPTY), 2),
                 'layers': [descriptor(kind, digest(docs[i]), len(docs[i]))
                            for kind, i in zip(LAYERS, range(ENVELOPE, PROOF + 1))]})


def ref_name(v):
    name = v['model'].replace('/', '-')
    if len(name) > 80 or '/' in v['model']:
        name = f"{name[:80]}-{v['digest'][7:19]}"
    return f"{name}-v{v['number']}"


def index_text(docs, versions):
    def row(name, size, kind, ref):
        return {**descriptor(OCI + 'manifest.v1+json', name, size), 'artifactType': kind,
                'annotations': {'org.opencontainers.image.ref.name': ref}}
    return text({'schemaVersion': 2, 'mediaType': OCI + 'index.v1+json', 'manifests': [
        row(digest(docs[MANIFEST]), len(docs[MANIFEST]), BUNDLE, 'slipway-bundle'),
        *(row(v['digest'], v['size'], 'application/vnd.cncf.model.manifest.v1+json', ref_name(v))
          for v in versions)]})


def is_number(x):
    return isinstance(x, int) and not isinstance(x, bool) and x >= 0


def seconds(stamp):
    need(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', stamp), 'no time')
    return time.mktime(time.strptime(stamp, '%Y-%m-%dT%H:%M:%SZ')) - time.timezone


def read_inventory(data):
    v = parse(data)
    need(canonical(v) + b'\n' == data, 'inventory: another spelling')
    need(set(v) == INVENTORY_MEMBERS, 'inventory: members')
    need((v['apiVersion'], v['kind']) == ('slipway/v1', 'BundleInventory'), 'no inventory')
    for name in ('blobs', 'bytes', 'counter', 'since'):
        need(is_number(v[name]), f'inventory: {name}')
    need(v['counter'] > v['since'], 'a counter that cannot be')
    need(seconds(v['created']) <= seconds(v['expires']), 'times')
    ids = [v['registry'], *v['recipients']]
    need(all(re.fullmatch('[0-9a-f]{32}', x) for x in ids), 'no registry id')
    need(v['recipients'] == sorted(set(v['recipients'])) and len(ids) <= 65, 'recipients')
    for name in ('list', 'proof'):
        need(set(v[name]) == {'digest', 'size'}, f'inventory: members of {name}')
    need(1 <= len(v['versions']) <= 512, 'no versions, or too many')
    for x in v['versions']:
        need(set(x) == VERSION_MEMBERS and re.fullmatch(MODEL, x['model']), 'a version')
        need(all(is_number(x[n]) for n in ('number', 'seq', 'size')), 'a version')
        need(x['size'] <= 4194304, 'a manifest that is too large')
    order = [(x['model'], x['number']) for x in v['versions']]
    need(order == sorted(set(order)), 'order of versions')
    return v


def predicate(v):
    """What the statement over an inventory says of it"""
    said = {name: v[name] for name in ('registry', 'counter', 'since', 'created', 'expires',
                                       'bytes')}
    return {**said, 'list': v['list']['digest'], 'proof': v['proof']['digest'],
            'versions': len(v['versions'])}


def read_list(data):
    lines = data.decode('ascii').split('\n')
    need(lines.pop() == '' and len(lines) <= 131072, 'list: its end')
    found = {}
    for line in lines:
        m = re.fullmatch('([0-9a-f]{64}) (0|[1-9][0-9]*)', line)
        need(m and int(m[2]) <= 1 << 50, f'list: {line[:80]}')
        need(not found or next(reversed(found)) < m[1], 'list: order')
        found[m[1]] = int(m[2])
    return found


class BundleProof(Proof):
    def check(self, v):
        self.size, self.root = self.trust()
        return self.check_entries(v)

    def check_entries(self, v):
        """Each by its statement; those of versions say what the inventory says."""
        need(self.o['kind'] == 'BundleProof' and self.o['registry'] == v['registry'], 'the proof')
        need('sha256:' + self.fingerprint == v['root'], 'another first policy')
        proved, smokes = {}, []
        for seq, _, n, _ in self.entries:
            if n['type'] == 'policy':
                continue
            need(n['type'] in ('version', 'evidence'), f'entry {seq}: a {n["type"]}')
            s, who = self.statement(seq, n, n['model'])
            p, body = s.predicate, n['body']
            need(s.subject == body['digest'] and p['number'] == body['number'], f'entry {seq}')
            if n['type'] == 'evidence':
                need(p['version'] == body['digest'], f'entry {seq}: another version')
                need(all(p[k] == body[k] for k in ('type', 'file', 'previous')), f'entry {seq}')
                continue
            need(all(p[k] == body[k] for k in ('files', 'bytes')), f'entry {seq}: size')
            need(body['signer'] == who, f'entry {seq}: another signer')
            proved[seq] = {'model': n['model'], 'number': body['number'],
                           'digest': body['digest'], 'seq': seq}
            smokes += [p['smoke']] if 'smoke' in p else []
        named = [{k: x[k] for k in ('model', 'number', 'digest', 'seq')} for x in v['versions']]
        need(sorted(named, key=lambda x: x['seq']) == list(proved.values()),
             'other versions than are proved')
        return smokes

    def grew_from(self, old):
        if (old.size, old.root) == (self.size, self.root):
            return
        g = next((g for g in self.o['growth'] if g['size'] == old.size), None)
        need(g, f'it is not shown that the log grew from {old.size} entries')
        need(g['root'] == 'sha256:' + old.root.hex(), 'the log is another one than before')
        path = hashes(g['hashes'], 65)
        need(roots_by_proof(old.size, self.size, path, True, old.root) == (old.root, self.root),
             'the log is another one than before')


# --- all of it ---

class Bundle:
    def __init__(self, paths, fingerprint):
        self.tar = Tar(paths)
        blocks, docs = zip(*(self.tar.peek_document(most) for most in MOST))
        self.v = v = read_inventory(docs[INVENTORY])
        self.list = read_list(docs[LIST])
        self.is_form(blocks, docs)
        self.proof = BundleProof(docs[PROOF], fingerprint)
        self.smokes = self.proof.check(v)
        self.size, self.root = self.proof.size, self.proof.root
        self.signer = self.signed(docs)
        self.inventory = docs[INVENTORY]

    def is_form(self, blocks, docs):
        v = self.v
        need(docs[LAYOUT] == b'{"imageLayoutVersion":"1.0.0"}\n' and docs[CONFIG] == EMPTY, 'form')
        need(docs[MANIFEST] == manifest_text(docs), 'another manifest than follows')
        need(docs[INDEX] == index_text(docs, v['versions']), 'another index than follows')
        for i, (block, data) in enumerate(zip(blocks, docs)):
            name = ('oci-layout', 'index.json')[i] if i < MANIFEST else \
                f'blobs/sha256/{sha256(data).hex()}'
            need(block == header(name, len(data)), f'{name}: another header')
            need(i < MANIFEST or sha256(data).hex() not in self.list, f'{name} is there twice')
        for name, i in (('list', LIST), ('proof', PROOF)):
            need(v[name] == {'digest': digest(docs[i]), 'size': len(docs[i])}, f'another {name}')
        need((v['blobs'], v['bytes']) == (len(self.list), sum(self.list.values())), 'counts')

    def signed(self, docs):
        newest = self.proof.policies[-1][1]
        s = Statement({'statement': parse(docs[ENVELOPE]), 'type': 'bundle'})
        need(canonical(parse(docs[ENVELOPE])) == docs[ENVELOPE], 'envelope: another spelling')
        keys, v = keys_of(newest, PEOPLE), self.v
        revoked = {key_bytes(x['key']) for x in newest.get('revoked', ())}
        good = s.signers(keys) - revoked
        need(good, 'nobody who counts signed the inventory')
        need(s.subject == digest(docs[INVENTORY]), 'another inventory was signed')
        need(s.predicate == predicate(v), 'the statement says something else')
        return keys[next(iter(good))]

    def check_use(self, at, recipient, after):
        v = self.v
        need(at < seconds(v['expires']), f"expired at {v['expires']}")
        need(not recipient or not v['recipients'] or recipient in v['recipients'],
             'for somebody else')
        if after and after.inventory != self.inventory:
            need(after.v['registry'] == v['registry'], 'of another registry')
            need(v['counter'] > after.v['counter'], 'older than what came')
            self.proof.grew_from(after)

    def check_files(self):
        """Each blob of the list has its digest, and they are the files of its versions."""
        v, manifests = self.v, {}
        sizes = {x['digest'][7:]: x['size'] for x in v['versions']}
        for hexes, size in self.list.items():
            data = self.tar.blob(hexes, size, hexes in sizes)
            if hexes in sizes:
                manifests[hexes] = parse(data)
        self.tar.end()
        wanted = dict.fromkeys(s[7:] for s in self.smokes)
        wanted.update(sizes)
        for m in manifests.values():
            for x in (m['config'], *m['layers']):
                wanted[x['digest'][7:]] = x['size']
        wanted.pop(sha256(EMPTY).hex(), None)
        for hexes, size in wanted.items():
            there = self.list.get(hexes)
            need(there is not None or v['since'], f'{hexes[:12]} is missing')
            need(there is None or size is None or there == size, f'{hexes[:12]}: another size')
        need(set(self.list) <= set(wanted) or len(manifests) < len(sizes), 'a file too many')

    def line(self):
        v = self.v
        names = ' '.join(f"{x['model']}@v{x['number']}" for x in v['versions'])
        since = f" since {v['since']}" if v['since'] else ''
        return (f"bundle {v['counter']}{since} of {v['registry']}: {names}, "
                f"{len(self.list)} files, {v['bytes']} bytes, signed by {self.signer}")


def main():
    argv, options, name = sys.argv[1:], {'': []}, ''
    for word in argv:
        if word.startswith('--'):
            name = word
            options[name] = []
        else:
            options[name].append(word)
    if len(options['']) < 2 or set(options) - {'', '--after', '--for', '--at'}:
        sys.exit(__doc__)
    fingerprint = re.sub(r'\s|sha256:', '', options[''][0])
    try:
        after = options.get('--after') and Bundle(options['--after'], fingerprint)
        at = seconds(options['--at'][0]) if '--at' in options else time.time()
        b = Bundle(options[''][1:], fingerprint)
        b.check_use(at, options.get('--for', [None])[0], after)
        b.check_files()
        print('good:', b.line())
    except (Bad, KeyError, ValueError, TypeError, AttributeError, IndexError, StopIteration) as why:
        print(f'refused: {type(why).__name__}: {why}')
        sys.exit(1)


if __name__ == '__main__':
    main()
