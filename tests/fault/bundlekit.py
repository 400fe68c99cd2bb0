# SPDX-License-Identifier: Apache-2.0
"""Bundles taken apart and put together again, from slipway-format(5) alone: what an attacker has
who carries one (parts, headers, order) and one who also has somebody's key (a signature over
whatever he likes). Ed25519 is written out here, so that nothing has to be installed.
"""
import base64
import hashlib
import json

BLOCK = 512
FRONT = ('layout', 'index', 'manifest', 'empty', 'envelope', 'inventory', 'list', 'proof')
FIELDS = (('name', 0, 100), ('mode', 100, 108), ('uid', 108, 116), ('gid', 116, 124),
          ('size', 124, 136), ('mtime', 136, 148), ('chksum', 148, 156), ('typeflag', 156, 157),
          ('linkname', 157, 257), ('magic', 257, 263), ('version', 263, 265),
          ('uname', 265, 297), ('gname', 297, 329), ('devmajor', 329, 337),
          ('devminor', 337, 345), ('prefix', 345, 500), ('pad', 500, 512))
TYPES = {'index': 'application/vnd.oci.image.index.v1+json',
         'manifest': 'application/vnd.oci.image.manifest.v1+json',
         'empty': 'application/vnd.oci.empty.v1+json',
         'model': 'application/vnd.cncf.model.manifest.v1+json',
         'bundle': 'application/vnd.slipway.bundle.v1+json',
         'envelope': 'application/vnd.dsse.envelope.v1+json',
         'inventory': 'application/vnd.slipway.bundle-inventory.v1+json',
         'list': 'application/vnd.slipway.bundle-list.v1',
         'proof': 'application/vnd.slipway.bundle-proof.v1+json'}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(',', ':'), ensure_ascii=False).encode()


def compact(value):
    return json.dumps(value, separators=(',', ':')).encode()


# --- Ed25519 (RFC 8032), signing alone ---

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, p):
    q = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


def packed(p):
    z = pow(p[2], P - 2, P)
    return (p[1] * z % P | (p[0] * z % P & 1) << 255).to_bytes(32, 'little')


class Key:
    """A key file without a passphrase."""

    def __init__(self, path):
        with open(path, encoding='utf-8') as f:
            text = f.read()
        seed = base64.b64decode(text.split('\n\n')[1].split('\n')[0])
        wire = base64.b64decode(text.split('ssh-ed25519 ')[1].split('\n')[0])
        h = hashlib.sha512(seed).digest()
        self.scalar = int.from_bytes(h[:32], 'little') & (1 << 254) - 8 | 1 << 254
        self.prefix = h[32:]
        self.public = packed(times(self.scalar, BASE))
        assert wire.endswith(self.public), 'this is not how a key is read'
        self.id = 'SHA256:' + base64.b64encode(hashlib.sha256(wire).digest()).decode().rstrip('=')

    def sign(self, message):
        def number(*parts):
            return int.from_bytes(hashlib.sha512(b''.join(parts)).digest(), 'little') % L
        r = number(self.prefix, message)
        head = packed(times(r, BASE))
        s = (r + number(head, self.public, message) * self.scalar) % L
        return head + s.to_bytes(32, 'little')


# --- the log's tree (RFC 6962) ---

def node(left, right):
    return hashlib.sha256(b'\1' + left + right).digest()


def tree(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return node(tree(leaves[:k]), tree(leaves[k:]))


def path(i, leaves):
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if i < k:
        return path(i, leaves[:k]) + [tree(leaves[k:])]
    return path(i - k, leaves[k:]) + [tree(leaves[:k])]


class Log:
    """All lines of a registry's log, one segment."""

    def __init__(self, registry):
        self.leaves, self.texts = [], []
        with open(f'{registry}/log/00000001.log', encoding='utf-8') as f:
            for line in f.read().splitlines():
                _, leaf, text = line.split(' ', 2)
                self.leaves.append(bytes.fromhex(leaf))
                self.texts.append(text)

    def find(self, kind, model=None):
        found = [(seq, json.loads(text)) for seq, text in enumerate(self.texts)]
        return [seq for seq, n in found if n['type'] == kind and (not model or
                                                                  n.get('model') == model)]

    def entry(self, seq, size):
        """As a proof has it, in the tree of that size."""
        return {'inclusion': [h.hex() for h in path(seq, self.leaves[:size])],
                'json': self.texts[seq], 'seq': seq}


# --- tar ---

def octal(value, width):
    return b'%0*o\0' % (width - 1, value)


def header(name, size, kind=b'0', /, **fields):
    """A header as a bundle has it; fields are put over it, the sum made last unless it is given."""
    block = bytearray(BLOCK)
    values = {'name': name, 'mode': octal(0o444, 8), 'uid': octal(0, 8), 'gid': octal(0, 8),
              'size': octal(size, 12) if size < 8**11 else b'\0' * 12, 'mtime': octal(0, 12),
              'typeflag': kind, 'magic': b'ustar\0', 'version': b'00', 'devmajor': octal(0, 8),
              'devminor': octal(0, 8), 'chksum': b' ' * 8, **fields}
    for field, start, end in FIELDS:
        data = values.get(field, b'')
        assert len(data) <= end - start, field
        block[start:start + len(data)] = data
    if 'chksum' not in fields:
        block[148:156] = b'%06o\0 ' % sum(block)
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % BLOCK)


class Bundle:
    """front: a name of FRONT -> bytes; blobs: hex -> bytes; at: where each entry begins."""

    def __init__(self, front, blobs):
        self.front, self.blobs = dict(front), dict(blobs)

    @classmethod
    def read(cls, name):
        with open(name, 'rb') as f:
            data = f.read()
        entries, at = [], 0
        while data[at]:
            size = int(data[at + 124:at + 135], 8)
            entries.append((data[at:at + 100].rstrip(b'\0').decode(),
                            data[at + BLOCK:at + BLOCK + size]))
            at += BLOCK + len(padded(entries[-1][1]))
        return cls(zip(FRONT, (text for _, text in entries)),
                   {entry[-64:]: text for entry, text in entries[len(FRONT):]})

    @property
    def inventory(self):
        return json.loads(self.front['inventory'])

    @property
    def proof(self):
        return json.loads(self.front['proof'])

    @property
    def sizes(self):
        """hex -> size, as the list says."""
        return {line[:64]: int(line[65:]) for line in self.front['list'].decode().splitlines()}

    def entries(self):
        """(label, header, data) in their order."""
        for name in FRONT:
            data = self.front[name]
            plain = {'layout': b'oci-layout', 'index': b'index.json'}.get(name)
            yield name, header(plain or b'blobs/sha256/' + sha256(data).encode(), len(data)), data
        for hexed, data in sorted(self.blobs.items()):
            yield f'blob {hexed[:8]}', header(b'blobs/sha256/' + hexed.encode(), len(data)), data

    def bytes(self):
        return b''.join(head + padded(data) for _, head, data in self.entries()) + bytes(2 * BLOCK)

    def regions(self):
        """(label, begin, end) of each thing that has bytes: fields of headers, data, padding."""
        at = 0
        for label, _, data in self.entries():
            for field, start, end in FIELDS:
                yield f'{label}: {field}', at + start, at + end
            at += BLOCK
            if data:
                yield f'{label}: bytes', at, at + len(data)
            if len(data) % BLOCK:
                yield f'{label}: padding', at + len(data), at + len(padded(data))
            at += len(padded(data))
        yield 'end: first block', at, at + BLOCK
        yield 'end: second block', at + BLOCK, at + 2 * BLOCK

    # --- what follows from the others, as slipway-format(5) has it ---

    def settle(self):
        """Manifest and index anew; whoever carries a bundle can do that much."""
        def described(name, **more):
            return {'mediaType': TYPES[name], 'digest': 'sha256:' + sha256(self.front[name]),
                    'size': len(self.front[name]), **more}

        def named(name):
            return {'annotations': {'org.opencontainers.image.ref.name': name}}

        def tag(v):
            hexed = '-' + v['digest'][7:19] if '/' in v['model'] else ''
            return v['model'].replace('/', '-') + f'{hexed}-v{v["number"]}'

        layers = [described(name) for name in FRONT[4:]]
        self.front['manifest'] = compact({
            'schemaVersion': 2, 'mediaType': TYPES['manifest'], 'artifactType': TYPES['bundle'],
            'config': described('empty'), 'layers': layers})
        rows = [described('manifest', artifactType=TYPES['bundle'], **named('slipway-bundle'))]
        rows += [{'mediaType': TYPES['manifest'], 'digest': v['digest'], 'size': v['size'],
                  'artifactType': TYPES['model'], **named(tag(v))}
                 for v in self.inventory['versions']]
        self.front['index'] = compact({'schemaVersion': 2, 'mediaType': TYPES['index'],
                                       'manifests': rows})
        return self

    def forged(self, key, inventory=None, proof=None, blobs=None, sizes=None, listed=None):
        """Another one, signed by that key: changed members, documents, files. sizes: what the list
        says of them, where that is a lie; listed: the list's bytes."""
        made = Bundle(self.front, self.blobs if blobs is None else blobs)
        if proof is not None:
            made.front['proof'] = canonical(proof) + b'\n'
        told = {h: len(b) for h, b in made.blobs.items()}
        told.update(sizes or {})
        made.front['list'] = listed if listed is not None else \
            b''.join(b'%s %d\n' % (h.encode(), n) for h, n in sorted(told.items()))
        v = made.inventory
        for name in ('list', 'proof'):
            v[name] = {'digest': 'sha256:' + sha256(made.front[name]),
                       'size': len(made.front[name])}
        v.update(blobs=len(told), bytes=sum(told.values()) % 2**64)
        v.update(inventory or {})
        made.front['inventory'] = canonical(v) + b'\n'
        made.front['envelope'] = made.envelope(key)
        return made.settle()

    def envelope(self, key):
        v = self.inventory
        predicate = {name: v[name] for name in ('bytes', 'counter', 'created', 'expires',
                                                'registry', 'since')}
        predicate.update(list=v['list']['digest'], proof=v['proof']['digest'],
                         versions=len(v['versions']))
        payload = canonical({
            '_type': 'https://in-toto.io/Statement/v1', 'predicate': predicate,
            'predicateType': 'urn:slipway:bundle:v1',
            'subject': [{'digest': {'sha256': sha256(self.front['inventory'])},
                         'name': f'bundle-{v["counter"]}'}]})
        kind = b'application/vnd.in-toto+json'
        signed = b'DSSEv1 %d %s %d %s' % (len(kind), kind, len(payload), payload)
        return canonical({'payload': base64.b64encode(payload).decode(),
                          'payloadType': kind.decode(),
                          'signatures': [{'keyid': key.id, 'sig':
                                          base64.b64encode(key.sign(signed)).decode()}]})
