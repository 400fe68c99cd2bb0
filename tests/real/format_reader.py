# SPDX-License-Identifier: Apache-2.0
"""format_reader.py REGISTRY: reads a registry with nothing but what slipway-format(5) says.

An implementation of its own, so that page and program cannot drift apart unseen: log lines, Merkle
root, the chains of entries, the signatures of every statement under the policy in force, plans,
manifests and every blob of a live version; what bundles brought, by the proofs that came with them
(bundle_reader.py, proof_reader.py). Prints one line a problem and a summary, exit 1 with
problems. Needs the openssl program for Ed25519; knows no database and no slipway.
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import bundle_reader
import proof_reader

PAYLOAD_TYPE = 'application/vnd.in-toto+json'
ROLE = {'version': 'author', 'target': 'deployer', 'authorisation': 'deployer',
        'job': 'agent', 'promotion': 'agent', 'lifecycle': 'root author approver deployer',
        'delete': 'root author deployer', 'restore': 'root',
        'evidence': 'author approver scanner', 'bundle': ' '.join(bundle_reader.PEOPLE)}
OMS_IGNORED = {'.git', '.gitattributes', '.github', '.gitignore'}
KINDS = (
    ('weight.config', 'json yaml yml toml pbtxt cfg ini model vocab', ('tokenizer', 'vocab'),
     ('merges.txt',)),
    ('doc', 'md rst txt pdf html', ('README', 'LICENSE', 'NOTICE'), ()),
    ('code', 'py sh ipynb js c cc cpp h so', (), ()),
    ('dataset', 'csv parquet arrow jsonl', (), ()),
)
BODIES = {
    'registry': 'id created format', 'policy': 'version digest',
    'version': 'number digest bytes files signer key', 'label': 'number remove set',
    'alias': 'name number', 'note': 'number text',
    'target': 'action name', 'plan': 'id kind stage number', 'authorisation': 'plan',
    'job': 'event id plan kind stage number state', 'delete': 'number digest',
    'lifecycle': 'action number digest', 'evidence': 'number digest type file previous',
    'promotion': 'stage kind plan number digest job targets proofs',
    'adoption': 'id created format previous', 'restore': 'size root pinned',
    'origin': 'type body origin', 'build': 'action counter inventory size list proof entries root '
    'request', 'import': 'action counter inventory size envelope origin',
    'receipt': 'action versions origin',
}
proof_reader.MEMBERS['BundleReceipt'] = {'site'}


# what an authorisation allows and a promotion must be
ALLOWED = ('plan', 'kind', 'model', 'stage', 'number', 'version')


class Bad(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Bad(why)


def sha256(data):
    return hashlib.sha256(data).digest()


def digest(data):
    return 'sha256:' + sha256(data).hex()


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


def merkle_root(leaves):
    if not leaves:
        return sha256(b'')
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b'\x01' + merkle_root(leaves[:k]) + merkle_root(leaves[k:]))


def key_bytes(text):
    kind, body = text.split(' ')
    wire = base64.b64decode(body, validate=True)
    head = b'\0\0\0\x0bssh-ed25519\0\0\0\x20'
    need(kind == 'ssh-ed25519' and len(wire) == 51 and wire.startswith(head), 'no Ed25519 key')
    return wire[len(head):]


def key_id(key):
    wire = b'\0\0\0\x0bssh-ed25519\0\0\0\x20' + key
    return 'SHA256:' + base64.b64encode(sha256(wire)).decode().rstrip('=')


def ed25519_is_good(key, message, signature):
    """OpenSSL wants files: Ed25519 is not a streaming signature."""
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        der = bytes.fromhex('302a300506032b6570032100') + key
        pem = (b'-----BEGIN PUBLIC KEY-----\n' + base64.b64encode(der) +
               b'\n-----END PUBLIC KEY-----\n')
        for name, data in (('key', pem), ('message', message), ('signature', signature)):
            names[name] = os.path.join(folder, name)
            with open(names[name], 'wb') as f:
                f.write(data)
        return subprocess.run(
            ['openssl', 'pkeyutl', '-verify', '-pubin', '-inkey', names['key'], '-rawin',
             '-in', names['message'], '-sigfile', names['signature']],
            capture_output=True, check=False).returncode == 0


def kind_of(path):
    name = path.rsplit('/', 1)[-1]
    for kind, suffixes, prefixes, names in KINDS:
        if name.endswith(tuple('.' + s for s in suffixes.split())) or name in names or \
                (prefixes and name.startswith(prefixes)):
            return kind
    return 'weight'


class Reader:
    def __init__(self, folder):
        self.folder, self.problems = folder, []
        self.policy = self.policy_seq = None
        self.foreign = set()
        self.leaves, self.chains, self.plans = [], {}, {}
        self.allowed, self.stages, self.versions, self.targets = {}, {}, {}, {}
        self.jobs, self.running, self.aliases, self.signer = {}, {}, {}, None
        self.lives, self.revoked, self.evidence = {}, set(), {}
        self.proofs, self.homes, self.bundles = {}, {}, {}
        self.counts = dict.fromkeys(('statements', 'versions', 'blobs'), 0)

    def read(self, *parts):
        with open(os.path.join(self.folder, *parts), 'rb') as f:
            return f.read()

    def blob(self, name):
        need(re.fullmatch('sha256:[0-9a-f]{64}', name), f'no digest: {name}')
        data = self.read('blobs', 'sha256', name[7:])
        need(digest(data) == name, f'blob {name} has other bytes')
        return data

    # --- the log ---

    def lines(self):
        segments = sorted(n for n in os.listdir(os.path.join(self.folder, 'log'))
                          if re.fullmatch(r'\d{8}\.log', n))
        need(segments == [f'{i:08}.log' for i in range(1, len(segments) + 1)], 'segments missing')
        for number, name in enumerate(segments, 1):
            data = self.read('log', name)
            need(len(data) <= 67108864, f'{name} is too long')
            lines = data.split(b'\n')
            for at, line in enumerate(lines[:-1]):
                is_last = number == len(segments) and at == len(lines) - 2 and not lines[-1]
                if is_last and b'\0' in line:
                    return
                yield line
            need(number == len(segments) or not lines[-1], f'{name} has an unfinished line')

    def entry(self, seq, line):
        number, leaf, text = line.split(b' ', 2)
        need(number == str(seq).encode(), 'another sequence')
        need(len(text) <= 65535, 'too long')
        need(sha256(b'\0' + text).hex().encode() == leaf, 'does not hash to its leaf')
        n = parse(text)
        need(canonical(n) == text, 'not canonical')
        self.leaves.append(bytes.fromhex(leaf.decode()))
        need(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', n['time']), 'no time')
        need(n['policy'] == self.policy_seq, 'names another policy than the one in force')
        need(n['previous'] == self.chains.get(n.get('model')) or 'model' not in n,
             "does not continue its model's chain")
        need('reason' not in n or 1 <= len(n['reason'].encode()) <= 500, 'no reason')
        kind = n['body']['action'] if n['type'] == 'bundle' else n['type']
        need(kind in BODIES, f'unknown type {kind}')
        members = set(BODIES[kind].split())
        missing = members - set(n['body'])
        extra = set(n['body']) - members - {'target'}
        extra -= {'origin'} if kind == 'version' else set()
        need(not missing and not extra, f'members of the body: {sorted(missing | extra)}')
        need('statement' not in n or isinstance(n['statement'], dict) or 'origin' in n['body'],
             'a statement that is a blob')
        getattr(self, 'on_' + n['type'], lambda seq, n: None)(seq, n)
        if 'model' in n:
            self.chains[n['model']] = seq

    # --- statements ---

    def keys(self, policy, role):
        return [key_bytes(k) for p in policy['people'] for k in p['keys']
                if any(p['id'] in policy['roles'].get(r, ()) for r in role.split())]

    def open_envelope(self, n):
        envelope = n['statement']
        need(len(canonical(envelope)) <= 49152, 'an envelope that is too large')
        need(set(envelope) == {'payload', 'payloadType', 'signatures'}, 'no envelope')
        need(envelope['payloadType'] == PAYLOAD_TYPE, 'another payload type')
        payload = base64.b64decode(envelope['payload'], validate=True)
        signed = b'DSSEv1 %d %s %d %s' % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload),
                                          payload)
        statement = parse(payload)
        need(canonical(statement) == payload, 'a payload that is not canonical')
        need(statement['_type'] == 'https://in-toto.io/Statement/v1', 'no Statement v1')
        need(statement['predicateType'] == f"urn:slipway:{n['type']}:v1", 'another kind')
        need(len(statement['subject']) == 1, 'not one subject')
        signatures = [base64.b64decode(s['sig'], validate=True) for s in envelope['signatures']]
        subject = 'sha256:' + statement['subject'][0]['digest']['sha256']
        return signed, signatures, subject, statement['predicate']

    def signed_by(self, signed, signatures, keys, role):
        good = [k for k in keys for s in signatures if ed25519_is_good(k, signed, s)]
        need(good, f'no good signature of role {role}')
        self.counts['statements'] += 1
        self.signer = good[0]

    def statement(self, n):
        signed, signatures, subject, predicate = self.open_envelope(n)
        role = ROLE[n['type']]
        self.signed_by(signed, signatures, self.keys(self.policy, role), role)
        need(predicate['registry'] == self.id, 'a statement of another registry')
        return subject, predicate

    # --- one function a type ---

    def on_registry(self, seq, n):
        need(seq == 0, 'not the first entry')
        self.id = n['body']['id']
        about = parse(self.read('registry.json'))
        need(about['format'] == n['body']['format'] == 1, 'another format')
        self.ids = about.get('incarnations', [about['id']])
        need(self.ids[0] == self.id, 'registry.json names another registry')
        need(self.ids[-1] == about['id'], 'registry.json names two registries')

    def log_before(self, seq, size, root):
        need(size == seq, 'names another place')
        need(root == 'sha256:' + merkle_root(self.leaves[:seq]).hex(), 'names another log')

    def on_adoption(self, seq, n):
        body, before = n['body'], n['body']['previous']
        need(body['id'] in self.ids and before['id'] == self.id and
             self.ids.index(body['id']) == self.ids.index(self.id) + 1, 'another registry')
        self.log_before(seq, before['size'], before['root'])
        self.id, self.policy, self.policy_seq = body['id'], None, None
        self.plans, self.allowed, self.stages, self.targets = {}, {}, {}, {}
        self.jobs, self.running, self.lives, self.evidence = {}, {}, {}, {}
        self.foreign = {(model, number) for model, numbers in self.versions.items()
                        for number, found in numbers.items() if found}

    def on_restore(self, seq, n):
        subject, p = self.statement(n)
        body = n['body']
        need(subject == body['root'] and all(p[k] == body[k] for k in body), 'another log')
        self.log_before(seq, body['size'], body['root'])

    def on_policy(self, seq, n):
        signed, signatures, subject, policy = self.open_envelope(n)
        need(digest(canonical(policy)) == subject == n['body']['digest'], 'another document')
        need(policy['version'] == n['body']['version'] ==
             (self.policy['version'] if self.policy else 0) + 1, 'not the next version')
        for by in filter(None, (policy, self.policy)):
            self.signed_by(signed, signatures, self.keys(by, 'root'), 'root')
        need(policy['previous'] == (digest(canonical(self.policy)) if self.policy else None),
             'replaces another policy than the one in force')
        people = {p['id'] for p in policy['people']}
        need(all(set(r) <= people for r in policy['roles'].values()), 'nobody of that name')
        need([s['order'] for s in policy['stages']] ==
             list(range(1, len(policy['stages']) + 1)), 'an order of stages with gaps')
        names = [site['name'] for site in policy.get('sites', ())]
        need(names == sorted(names) and len(names) == len(set(names)) ==
             len({site['root'] for site in policy.get('sites', ())}), 'one site twice')
        need(all('versions' in s['for'] and s['for'] == sorted(set(s['for']))
                 for s in policy.get('sites', ())), 'a site for nothing')
        for part in policy.get('offline', {}).values():
            need(part == sorted(set(part)), 'a list of offline with one thing twice')
        self.policy, self.policy_seq = policy, seq

    # --- what bundles brought ---

    def brought(self, n):
        """The proof in the statement's place, of a site that the policy in force believes."""
        name, origin = n['statement'], n['body']['origin']
        if name not in self.proofs:
            proof = self.proofs[name] = bundle_reader.BundleProof(self.blob(name), '')
            first = next(x for _, _, x, _ in proof.entries if x['type'] == 'policy')
            proof.fingerprint = proof_reader.Statement(first).subject[7:]
            proof.size, proof.root = proof.trust()
        proof = self.proofs[name]
        need(any(s['root'] == 'sha256:' + proof.fingerprint for s in self.policy.get('sites', ())),
             'a site that nobody believes')
        need(origin['registry'] == proof.o['registry'], 'another registry than its proof')
        return proof

    def brought_entry(self, n):
        proof = self.brought(n)
        there = next(x for s, _, x, _ in proof.entries if s == n['body']['origin']['seq'])
        if 'origin' in there['body'] or there['type'] not in proof_reader.ROLE:
            return there, None
        return there, proof.statement(n['body']['origin']['seq'], there, there['model'])[0]

    def on_origin(self, seq, n):
        there, _ = self.brought_entry(n)
        need((there['type'], there['body']) == (n['body']['type'], n['body']['body']),
             'its proof says something else')
        need(there.get('model', n['model']) == n['model'] in self.versions, 'another model')

    def on_brought_version(self, n):
        body = {k: v for k, v in n['body'].items() if k != 'origin'}
        there, s = self.brought_entry(n)
        need((there['type'], there['model'], there['body']) == ('version', n['model'], body),
             'its proof says something else')
        p, home = s.predicate, n['body']['origin']['registry']
        need(s.subject == body['digest'], 'another subject')
        need(all(p[k] == body[k] for k in ('number', 'files', 'bytes')), 'another size')
        numbers = self.versions.setdefault(n['model'], {})
        need(self.homes.get(n['model']) == home if numbers else True, 'a model with another home')
        need(body['number'] not in numbers, 'a number that is taken')
        need(all(not v or v[0] != s.subject for v in numbers.values()), 'has these bytes already')
        need((n['model'], s.subject) not in self.revoked, 'bytes that were revoked')
        self.homes[n['model']] = home
        numbers[body['number']] = (s.subject, p)

    def on_bundle(self, seq, n):
        body = n['body']
        if body['action'] == 'receipt':
            proof = self.brought(n)
            need((proof.o['kind'], proof.o['site']) == ('BundleReceipt', self.id), 'no receipt')
            return
        v = bundle_reader.read_inventory(self.blob(body['inventory']))
        before = self.bundles.get((body['action'], v['registry']), 0)
        if body['action'] == 'build':
            subject, p = self.statement(n)
            need(v['registry'] == self.id and v['counter'] == before + 1, 'not the next bundle')
            need({x: body[x] for x in ('list', 'proof')} == {x: p[x] for x in ('list', 'proof')},
                 'other documents')
        else:
            proof = self.brought(n)
            need(v['counter'] > before, 'an older bundle')
            need(v['proof']['digest'] == n['statement'], 'another proof')
            proof.check_entries(v)
            s = proof_reader.Statement({'statement': body['envelope'], 'type': 'bundle'})
            need(s.signers(proof_reader.keys_of(proof.policies[-1][1], bundle_reader.PEOPLE)),
                 'nobody there signed it')
            subject, p = s.subject, s.predicate
        need(subject == body['inventory'] and body['counter'] == v['counter'], 'another inventory')
        need(p == bundle_reader.predicate(v), 'the statement says something else')
        self.bundles[body['action'], v['registry']] = v['counter']

    def on_version(self, seq, n):
        if 'origin' in n['body']:
            self.on_brought_version(n)
            return
        need(n['model'] not in self.homes, 'only its home numbers its versions')
        subject, p = self.statement(n)
        body = n['body']
        need(subject == body['digest'], 'another subject')
        need((p['model'], p['number'], p['files'], p['bytes']) ==
             (n['model'], body['number'], body['files'], body['bytes']),
             'the statement says something else')
        person = next(p for p in self.policy['people']
                      if self.signer in [key_bytes(k) for k in p['keys']])
        need((body['signer'], body['key']) == (person['id'], key_id(self.signer)),
             'another signer')
        numbers = self.versions.setdefault(n['model'], {})
        place = n['model'], body['number']
        if place in self.foreign:
            need(numbers[body['number']][0] == subject, 'another digest than the foreign version')
            self.foreign.remove(place)
            numbers[body['number']] = (subject, p)
            return
        need(body['number'] == len(numbers) + 1, 'not the next number')
        need(all(not v or v[0] != subject for v in numbers.values()), 'has these bytes already')
        need((n['model'], subject) not in self.revoked, 'bytes that were revoked')
        numbers[body['number']] = (subject, p)

    def on_label(self, seq, n):
        number = n['body']['number']
        need(number is None or number in self.versions[n['model']], 'no such version')

    def on_alias(self, seq, n):
        name, number = n['body']['name'], n['body']['number']
        taken = {s['name'] for s in self.policy['stages']} | {'latest'}
        need(re.fullmatch(r'[a-z0-9][a-z0-9._-]{0,127}', name) and not
             re.fullmatch(r'v[0-9]+', name), 'no alias')
        aliases = self.aliases.setdefault(n['model'], set())
        if number is None:
            aliases.remove(name)
            return
        need(name not in taken, 'an alias with the name of a stage')
        need(self.versions[n['model']][number], 'a version that is deleted')
        aliases.add(name)

    def on_note(self, seq, n):
        number = n['body']['number']
        need(number is None or number in self.versions[n['model']], 'no such version')
        need(1 <= len(n['body']['text'].encode()) <= 4096, 'no text')

    def on_target(self, seq, n):
        subject, p = self.statement(n)
        body = n['body']
        need(subject == digest(canonical(body)), 'another subject')
        need((p['action'], p['name']) == (body['action'], body['name']), 'another target')
        need(p['previous'] == self.targets.get(body['name']),
             'does not continue what was said about the target')
        need(('target' in body) == (body['action'] == 'add'), 'a target too many or missing')
        self.targets[body['name']] = 'sha256:' + self.leaves[seq].hex()

    def on_lifecycle(self, seq, n):
        subject, p = self.statement(n)
        body, action = n['body'], n['body'].get('action', 'delete')
        found = self.versions[n['model']][body['number']]
        need(found and found[0] == subject == body['digest'] == p['version'], 'another version')
        need((p['model'], p['number']) == (n['model'], body['number']), 'another number')
        need(p.get('action') == body.get('action'), 'another action')
        need(p.get('reason') == n.get('reason'), 'another reason')
        need('reason' in p or action not in ('revoke', 'hold'), 'no reason')
        if action == 'revoke':
            need(self.signer in sum((self.keys(self.policy, r) for r in
                                     ('root', 'approver', 'deployer')), []), 'may not revoke')
        name = (n['model'], body['number'])
        life, held, leaf = self.lives.get(name, ('live', False, None))
        need(p['previous'] == leaf, 'does not continue what was said about it')
        need({'retire': life == 'live', 'restore': life == 'retired', 'revoke': life != 'revoked',
              'hold': not held, 'release': held, 'delete': not held}[action], f'no {action}')
        life = {'retire': 'retired', 'restore': 'live', 'revoke': 'revoked'}.get(action, life)
        held = action == 'hold' or (held and action != 'release')
        self.lives[name] = life, held, 'sha256:' + self.leaves[seq].hex()
        if action == 'revoke':
            self.revoked.add((n['model'], subject))
        if action == 'delete':
            self.versions[n['model']][body['number']] = None

    on_delete = on_lifecycle

    def on_evidence(self, seq, n):
        subject, p = self.statement(n)
        body, content = n['body'], p['content']
        need(subject == body['digest'] == p['version'], 'another version')
        need(p['model'] == n['model'], 'another model')
        for key in ('number', 'type', 'file', 'previous'):
            need(p[key] == body[key], f'its statement has another {key}')
        need(p['previous'] == self.evidence.get(n['model']), 'does not continue what was attested')
        need(len(canonical(content)) <= 16384 and isinstance(content, dict), 'its content')
        if body['type'] == 'metrics':
            need(content and all(float(v) == float(v) for v in content.values()), 'no numbers')
        elif body['type'] == 'licence':
            need(re.fullmatch('[A-Za-z0-9.+-]{1,64}', content['spdx']), 'no SPDX id')
        elif body['type'] == 'scan':
            need(content['scanner'] and content['version'], 'no scanner')
            need(content['verdict'] in ('clean', 'findings'), 'no verdict')
            need(not (content['verdict'] == 'clean' and content.get('findings')), 'clean?')
        else:
            need(body['type'] == 'lineage', 'an unknown type of evidence')
        self.blob(body['file'])
        leaf = 'sha256:' + self.leaves[seq].hex()
        self.evidence[n['model']] = {'leaf': leaf, 'seq': seq}

    def on_plan(self, seq, n):
        text = self.blob(n['body']['id'])
        plan = parse(text)
        need(canonical(plan) == text, 'a plan that is not canonical')
        need(set(plan) == set('kind model number previous registry stage steps targets version '
                              'way_back'.split()), 'members of the plan')
        need((plan['registry'], plan['model']) == (self.id, n['model']), 'a foreign plan')
        for key in ('kind', 'stage', 'number'):
            need(plan[key] == n['body'][key], f'the plan has another {key}')
        need(n['body']['id'] not in self.plans, 'is there already')
        self.plans[n['body']['id']] = plan

    def on_authorisation(self, seq, n):
        subject, p = self.statement(n)
        need(subject == n['body']['plan'] == p['plan'] and subject in self.plans, 'not for a plan')
        plan = self.plans[subject]
        for key in (*ALLOWED[1:], 'previous'):
            need(p[key] == plan[key], f'the plan has another {key}')
        need(p['model'] == n['model'], 'another model')
        self.allowed[subject] = p

    def on_job(self, seq, n):
        body, stage = n['body'], (n['model'], n['body']['stage'])
        if body['event'] == 'end':
            need(self.running.get(stage) == (body['id'], body['plan']), 'no job that runs')
            self.jobs[body['id']] = body['state']
            self.running.pop(stage)
            if body['state'] == 'aborted':
                self.allowed = {plan: p for plan, p in self.allowed.items()
                                if (p['model'], p['stage']) != stage}
            return
        subject, p = self.statement(n)
        need(subject == body['plan'] and p['model'] == n['model'], 'another plan or model')
        need({key: p[key] for key in body} == body, 'its statement says something else')
        need(body['plan'] in self.allowed, 'nobody allowed its plan')
        need(self.allowed[body['plan']]['previous'] == self.stages.get(stage),
             'does not continue what the stage holds')
        need(body['id'] not in self.jobs and stage not in self.running, 'another job runs')
        self.jobs[body['id']] = 'running'
        self.running[stage] = body['id'], body['plan']

    def on_promotion(self, seq, n):
        subject, p = self.statement(n)
        body, stage = n['body'], (n['model'], n['body']['stage'])
        plan = self.plans[body['plan']]
        need((p['model'], p['stage']) == stage, 'another stage')
        need(p['plan'] == body['plan'] and p['plan'] in self.allowed, 'nobody allowed its plan')
        need(p['version'] == body['digest'] == plan['version'], 'another version')
        need(subject == (p['version'] or p['plan']), 'another subject')
        before = self.stages.get(stage)
        need((p['previous'] or {}).get('leaf') == before == plan['previous'],
             'does not continue what the stage held')
        for key in ('stage', 'kind', 'number', 'plan', 'job', 'proofs'):
            need(p[key] == body[key], f'another {key}')
        allowed = self.allowed[p['plan']]
        for key in ALLOWED:
            need(p[key] == allowed[key], f'it was allowed for another {key}')
        need(before == allowed['previous'], 'it was allowed for another state')
        self.stages[stage] = 'sha256:' + self.leaves[seq].hex()

    # --- versions ---

    def check_version(self, name, version, p):
        text = self.blob(version)
        manifest = parse(text)
        layers = manifest['layers']
        need(canonical(manifest) == text and len(text) <= 4194304, 'manifest: not canonical')
        paths = [x['annotations']['org.cncf.model.filepath'] for x in layers]
        need(paths == sorted(set(paths), key=str.encode), 'manifest: order of paths')
        config = canonical({'config': {}, 'descriptor': {}, 'modelfs': {
            'type': 'layers', 'diffIds': [x['digest'] for x in layers]}})
        need(self.blob(manifest['config']['digest']) == config, 'manifest: another config')
        need(manifest['config']['size'] == len(config), 'manifest: size of the config')
        need((p['files'], p['bytes']) == (len(layers), sum(x['size'] for x in layers)),
             'the statement has another count')
        fileset, oms = hashlib.sha256(), hashlib.sha256()
        for path, layer in zip(paths, layers):
            need(layer['mediaType'] == f'application/vnd.cncf.model.{kind_of(path)}.v1.raw',
                 f'{path}: another kind')
            need(len(self.blob(layer['digest'])) == layer['size'], f'{path}: another size')
            hexes = layer['digest'][7:]
            fileset.update(f"{path}\0{layer['size']}\0{hexes}\n".encode())
            if path.split('/')[0] not in OMS_IGNORED:
                oms.update(bytes.fromhex(hexes))
            self.counts['blobs'] += 1
        need(p['fileset'] == 'sha256:' + fileset.hexdigest(), 'another fileset digest')
        need(p['oms_root'] == 'sha256:' + oms.hexdigest(), 'another OMS root')
        if 'smoke' in p:
            need(parse(self.blob(p['smoke']))['kind'] == 'Smoke', 'no smoke document')
        self.counts['versions'] += 1

    def attempt(self, what, function, *args):
        try:
            function(*args)
        except (Bad, proof_reader.Bad, StopIteration, KeyError, ValueError, TypeError,
                AttributeError, OSError) as why:
            self.problems.append(f'{what}: {type(why).__name__}: {why}')

    def run(self):
        for seq, line in enumerate(self.lines()):
            self.attempt(f'entry {seq}', self.entry, seq, line)
        for model, numbers in sorted(self.versions.items()):
            for number, found in numbers.items():
                if found:
                    name = f'{model}@v{number}'
                    self.attempt(name, self.check_version, name, *found)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    reader = Reader(sys.argv[1])
    reader.run()
    for problem in reader.problems:
        print('problem:', problem)
    print(f'entries {len(reader.leaves)} root {merkle_root(reader.leaves).hex()}')
    print(*(f'{name} {count}' for name, count in reader.counts.items()))
    sys.exit(1 if reader.problems or not reader.leaves else 0)


main()
