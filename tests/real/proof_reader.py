# SPDX-License-Identifier: Apache-2.0
"""proof_reader.py FILE FINGERPRINT: checks a proof with nothing but what slipway-format(5) says.

An implementation of its own, so that page and program cannot drift apart unseen. Prints what is
proved, or one line why not and exit 1. Needs the openssl program for Ed25519; knows no registry and
no slipway.
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

PAYLOAD_TYPE = 'application/vnd.in-toto+json'
ROLE = {'version': ('author',), 'approval': ('approver',), 'promotion': ('agent',),
        'authorisation': ('root', 'author', 'approver', 'deployer', 'scanner')}
ALLOWED = ('plan', 'kind', 'model', 'stage', 'number', 'version')
BOTH = {'apiVersion', 'checkpoint', 'entries', 'kind', 'registry'}
MEMBERS = {'PromotionProof': {'model', 'number', 'stage', 'version'},
           'ConsistencyProof': {'consistency', 'oldCheckpoint'}}


class Bad(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Bad(why)


def sha256(data):
    return hashlib.sha256(data).digest()


def no_duplicates(pairs):
    need(len({name for name, _ in pairs}) == len(pairs), 'a member stands there twice')
    return dict(pairs)


def parse(data):
    return json.loads(data, object_pairs_hook=no_duplicates)


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(',', ':'), ensure_ascii=True)
    text = re.sub(r'(?<!\\)((?:\\\\)*)\\u([0-9a-f]{4})',
                  lambda m: m[1] + '\\u' + m[2].upper(), text)
    return text.replace('\x7f', '\\u007f').encode()


def ed25519_is_good(key, message, signature):
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        pem = (b'-----BEGIN PUBLIC KEY-----\n' +
               base64.b64encode(bytes.fromhex('302a300506032b6570032100') + key) +
               b'\n-----END PUBLIC KEY-----\n')
        for name, data in (('key', pem), ('message', message), ('signature', signature)):
            names[name] = os.path.join(folder, name)
            with open(names[name], 'wb') as f:
                f.write(data)
        return subprocess.run(
            ['openssl', 'pkeyutl', '-verify', '-pubin', '-inkey', names['key'], '-rawin',
             '-in', names['message'], '-sigfile', names['signature']],
            capture_output=True, check=False).returncode == 0


def strings(data):
    """SSH strings: a length of four bytes and so many bytes"""
    while data:
        n = int.from_bytes(data[:4], 'big')
        need(len(data) >= 4 + n, 'an SSH signature that ends early')
        yield data[4:4 + n]
        data = data[4 + n:]


def is_signed(key, message, signature, namespace):
    """Ed25519 over the message, or an SSH signature about it."""
    if len(signature) == 64:
        return ed25519_is_good(key, message, signature)
    if signature[:10] != b'SSHSIG\0\0\0\1':
        return False
    parts = list(strings(signature[10:]))
    need(len(parts) == 5, 'no SSH signature')
    public, about, reserved, name, body = parts
    if list(strings(public)) != [b'ssh-ed25519', key] or about != namespace or reserved or \
            name not in (b'sha512', b'sha256'):
        return False
    kind, raw = strings(body)
    signed = b'SSHSIG' + b''.join(len(x).to_bytes(4, 'big') + x for x in (
        namespace, b'', name, hashlib.new(name.decode(), message).digest()))
    return kind == b'ssh-ed25519' and ed25519_is_good(key, signed, raw)


# --- trees ---

def node(left, right):
    return sha256(b'\1' + left + right)


def split(n):
    return 1 << (n - 1).bit_length() - 1


def hashes(texts, most):
    need(len(texts) <= most and all(re.fullmatch('[0-9a-f]{64}', x) for x in texts), 'no hashes')
    return [bytes.fromhex(x) for x in texts]


def root_by_path(leaf, index, size, path):
    """RFC 6962 2.1.1, from the top: the path's last hash is the sibling below the root."""
    need(0 <= index < size, 'not below the size')
    if size == 1:
        need(not path, 'a path that is too long')
        return leaf
    need(path, 'a path that is too short')
    k = split(size)
    if index < k:
        return node(root_by_path(leaf, index, k, path[:-1]), path[-1])
    return node(path[-1], root_by_path(leaf, index - k, size - k, path[:-1]))


def roots_by_proof(old, new, proof, is_whole, old_root):
    """RFC 6962 2.1.2: both roots that a consistency proof leads to."""
    if old == new:
        if is_whole:
            need(not proof, 'a proof that is too long')
            return old_root, old_root
        need(len(proof) == 1, 'a proof of another length')
        return proof[0], proof[0]
    need(proof, 'a proof that is too short')
    k = split(new)
    if old <= k:
        a, b = roots_by_proof(old, k, proof[:-1], is_whole, old_root)
        return a, node(b, proof[-1])
    a, b = roots_by_proof(old - k, new - k, proof[:-1], False, old_root)
    return node(proof[-1], a), node(proof[-1], b)


# --- policies and statements ---

def key_bytes(text):
    kind, body = text.split(' ')
    need(kind == 'ssh-ed25519', 'a kind of key that this reader does not know')
    wire = base64.b64decode(body + '=' * (-len(body) % 4), validate=True)
    need(wire[:19] == b'\0\0\0\x0bssh-ed25519\0\0\0\x20' and len(wire) == 51, 'no Ed25519 key')
    return wire[19:]


def keys_of(policy, roles):
    """key -> person, of those who have one of these roles"""
    names = {name for role in roles for name in policy['roles'].get(role, ())}
    return {key_bytes(k): p['id'] for p in policy['people'] if p['id'] in names
            for k in p['keys']}


class Statement:
    def __init__(self, n):
        envelope = n['statement']
        need(isinstance(envelope, dict) and len(canonical(envelope)) <= 49152, 'no envelope')
        need(envelope['payloadType'] == PAYLOAD_TYPE, 'another payload type')
        payload = base64.b64decode(envelope['payload'], validate=True)
        self.bytes = b'DSSEv1 %d %s %d %s' % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(),
                                              len(payload), payload)
        self.namespace = n['type'].encode() + b'@slipway'
        self.signatures = [base64.b64decode(s['sig'], validate=True)
                           for s in envelope['signatures']]
        s = parse(payload)
        need(s['_type'] == 'https://in-toto.io/Statement/v1', 'no Statement v1')
        need(s['predicateType'] == f"urn:slipway:{n['type']}:v1", 'another kind of statement')
        need(len(s['subject']) == 1, 'not one subject')
        self.subject = 'sha256:' + s['subject'][0]['digest']['sha256']
        self.predicate = s['predicate']

    def signers(self, keys):
        return {k for k in keys for s in self.signatures
                if is_signed(k, self.bytes, s, self.namespace)}


class Proof:
    def __init__(self, data, fingerprint):
        need(len(data) <= 8388608, 'too large')
        self.o = o = parse(data)
        need(canonical(o) + b'\n' == data, 'another spelling')
        need(o['apiVersion'] == 'slipway/v1' and o['kind'] in MEMBERS, 'no proof')
        need(set(o) == BOTH | MEMBERS[o['kind']], 'members')
        self.fingerprint, self.policies, self.entries = fingerprint, [], []
        need(len(o['entries']) <= 1024, 'too many entries')
        for x in o['entries']:
            need(set(x) == {'inclusion', 'json', 'seq'}, 'members of an entry')
            text = x['json'].encode()
            need(len(text) <= 65535, 'an entry that is too long')
            need(not self.entries or self.entries[-1][0] < x['seq'], 'order of entries')
            self.entries.append((x['seq'], sha256(b'\0' + text), parse(text), x['inclusion']))

    def in_force(self, seq):
        return next(((s, p) for s, p in reversed(self.policies) if s < seq), (None, None))

    def accept_policy(self, seq, n):
        last_seq, last = self.policies[-1] if self.policies else (None, None)
        need(n['policy'] == last_seq, 'a policy that names another one before it')
        s = Statement(n)
        p = s.predicate
        name = 'sha256:' + sha256(canonical(p)).hex()
        need(s.subject == name, 'another policy than the one that was signed')
        need(last or name == 'sha256:' + self.fingerprint, 'another first policy')
        need(p['registry'] == self.o['registry'], 'another registry')
        need(p['version'] == (last['version'] + 1 if last else 1), 'a policy is left out')
        need(p['previous'] == ('sha256:' + sha256(canonical(last)).hex() if last else None),
             'replaces another policy')
        for by in filter(None, (p, last)):
            keys = keys_of(by, ('root',))
            people = {keys[k] for k in s.signers(keys)}
            need(len(people) >= by.get('root_threshold', 1), 'not enough of role root')
        revoked = {x['key']: x['at'] for x in p.get('revoked', ())}
        for x in last.get('revoked', ()) if last else ():
            need(revoked.get(x['key'], 1 << 64) <= x['at'], 'takes back a revocation')
        self.policies.append((seq, p))

    def open_checkpoint(self, note, seq, policy):
        text, sep, signatures = note.rpartition('\n\n')
        need(sep and len(note.encode()) <= 65536, 'no note')
        text += '\n'
        origin = 'slipway/' + self.o['registry']
        m = re.fullmatch(rf'{origin}\n(0|[1-9]\d*)\n([A-Za-z0-9+/]{{43}}=)\npolicy (\d+)\n', text)
        need(m and int(m[3]) == seq and m[3] == str(seq), 'another checkpoint')
        line = re.fullmatch(f'\u2014 {origin} ([A-Za-z0-9+/=]+)\n', signatures)
        need(line, 'not one signature')
        blob = base64.b64decode(line[1], validate=True)
        need(base64.b64encode(blob).decode() == line[1] and len(blob) == 68, 'a bad signature')
        root = base64.b64decode(m[2], validate=True)
        need(base64.b64encode(root).decode() == m[2], 'a bad root')
        need(any(sha256(origin.encode() + b'\n\1' + k)[:4] == blob[:4] and
                 ed25519_is_good(k, text.encode(), blob[4:]) for k in keys_of(policy, ('log',))),
             'not signed by the key of the log')
        return int(m[1]), root

    def statement(self, seq, n, model=None):
        at, policy = self.in_force(seq)
        need(policy and n['policy'] == at, 'names another policy than the one in force')
        s = Statement(n)
        keys = keys_of(policy, ROLE[n['type']])
        good = s.signers(keys)
        need(good, f"no good signature under {n['type']}")
        key = next(iter(good))
        for x in self.policies[-1][1].get('revoked', ()):
            need(key_bytes(x['key']) != key or seq < x['at'], 'its key was revoked')
        need(s.predicate['registry'] == self.o['registry'], 'a statement of another registry')
        need(n['model'] == s.predicate['model'] == (model or self.o['model']), 'another model')
        return s, keys[key]

    def trust(self):
        """The policies from the fingerprint on, the checkpoint, each entry's place in its tree."""
        for seq, _, n, _ in self.entries:
            if n['type'] == 'policy':
                self.accept_policy(seq, n)
        need(self.policies, 'no policy')
        size, root = self.open_checkpoint(self.o['checkpoint'], *self.policies[-1])
        for seq, leaf, _, path in self.entries:
            need(root_by_path(leaf, seq, size, hashes(path, 64)) == root, f'entry {seq}: path')
        return size, root

    def run(self):
        o = self.o
        size, root = self.trust()
        if o['kind'] == 'ConsistencyProof':
            return self.consistency(size, root)
        return self.promotion()

    def consistency(self, size, root):
        need(len(self.policies) == len(self.entries), 'an entry too many')
        m = re.search(r'^policy (\d+)$', self.o['oldCheckpoint'], re.M)
        then = next((x for x in self.policies if m and str(x[0]) == m[1]), None)
        need(then, 'the policy of the old checkpoint is not there')
        old_size, old_root = self.open_checkpoint(self.o['oldCheckpoint'], *then)
        proof = hashes(self.o['consistency'], 65)
        need(0 < old_size <= size, 'shorter')
        need(roots_by_proof(old_size, size, proof, True, old_root) == (old_root, root),
             'the one is not the beginning of the other')
        return f'{old_size} entries are the beginning of {size}'

    def one(self, kind):
        found = [(seq, leaf, n) for seq, leaf, n, _ in self.entries if n['type'] == kind]
        need(len(found) == 1, f'not one {kind}')
        return found[0]

    def promotion(self):
        o = self.o
        need({n['type'] for _, _, n, _ in self.entries} <=
             {'policy', 'version', 'authorisation', 'approval', 'promotion'}, 'an entry too many')
        v_seq, _, v = self.one('version')
        a_seq, a_leaf, a = self.one('authorisation')
        p_seq, _, p = self.one('promotion')
        version, author = self.statement(v_seq, v)
        allowed, person = self.statement(a_seq, a)
        done, _ = self.statement(p_seq, p)
        need(version.subject == v['body']['digest'] == o['version'], 'another version')
        need(version.predicate['number'] == v['body']['number'] == o['number'], 'another number')
        q = done.predicate
        need(done.subject == q['version'] == p['body']['digest'] == o['version'],
             'promotion: another version')
        need(q['number'] == p['body']['number'] == o['number'], 'promotion: another number')
        need(q['stage'] == p['body']['stage'] == o['stage'], 'another stage')
        for key in ('kind', 'plan', 'job', 'proofs'):
            need(q[key] == p['body'][key], f'promotion: another {key}')
        need(q['authorisation'] == {'seq': a_seq, 'leaf': 'sha256:' + a_leaf.hex()},
             'another authorisation')
        need(v_seq < a_seq < p_seq, 'another order')
        need(allowed.subject == a['body']['plan'] == q['plan'], 'another plan')
        self.agrees(allowed.predicate, q, 'allowed')
        need(allowed.predicate.get('break_glass') == q.get('break_glass'), 'another glass')
        self.approvals(p_seq, q, author, person)
        return f"{o['model']}@v{o['number']} {q['kind']} {o['stage']}"

    def approvals(self, p_seq, q, author, person):
        stage = next(s for s in self.in_force(p_seq)[1]['stages'] if s['name'] == q['stage'])
        people, named = set(), []
        for seq, leaf, n, _ in self.entries:
            if n['type'] != 'approval':
                continue
            s, who = self.statement(seq, n)
            need(s.subject == q['plan'] and seq < p_seq, 'an approval of another plan')
            self.agrees(s.predicate, q, 'approved')
            named.append({'seq': seq, 'leaf': 'sha256:' + leaf.hex()})
            people.add(who)
        need(named == q.get('approvals', []), 'other approvals than the promotion names')
        others = people - {person}
        if q['kind'] == 'rollback' or q.get('break_glass'):
            return
        need(len(others) >= stage.get('approvals', 0), 'not enough approvals')
        need(not stage.get('approvals') or others - {author}, 'only the author approved')

    @staticmethod
    def agrees(said, q, what):
        for key in ALLOWED:
            need(said[key] == q[key], f'{what} for another {key}')
        need(said['previous'] == (q['previous'] or {}).get('leaf'), f'{what} for another state')


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        with open(sys.argv[1], 'rb') as f:
            print('proved:', Proof(f.read(), re.sub(r'\s|sha256:', '', sys.argv[2])).run())
    except (Bad, KeyError, ValueError, TypeError, AttributeError, IndexError, StopIteration) as why:
        print(f'refused: {type(why).__name__}: {why}')
        sys.exit(1)


if __name__ == '__main__':
    main()
