# SPDX-License-Identifier: Apache-2.0
"""Bundles that are forged: by whoever carries one, and by somebody who has a key and signs what is
not so. What is refused says why; the last story shows what counts when one bundle follows another.
"""
import json
import time

from bundlekit import Bundle, Log, canonical, sha256

DAY = 24 * 3600


def put(sites, name, bundle):
    return [sites.write(f'{name}.tar', bundle.bytes())]


def changed(bundle, **front):
    return Bundle({**bundle.front, **front}, bundle.blobs)


def carried(sites, made):
    """No key: parts of two bundles, signatures of other things, files more or less."""
    ours, both, after = made['ours'], made['both'], made['after']
    largest = max(ours.blobs, key=lambda h: len(ours.blobs[h]))
    smallest = min(ours.blobs, key=lambda h: len(ours.blobs[h]))

    def odd(name, bundle, **more):
        return name, put(sites, 'carried', bundle), more

    for name in ('envelope', 'inventory', 'list', 'proof'):
        for other, text in (('both', both), ('after', after)):
            mixed = changed(ours, **{name: text.front[name]})
            yield odd(f'{name} of "{other}", as it is', mixed)
            yield odd(f'{name} of "{other}", manifest and index too', mixed.settle())
    yield odd('all documents of another', Bundle(both.front, ours.blobs))
    for name, h in (('largest', largest), ('empty', smallest), ('manifest', ours.inventory[
            'versions'][0]['digest'][7:])):
        blobs = {k: v for k, v in ours.blobs.items() if k != h}
        yield odd(f'the {name} file left out', Bundle(ours.front, blobs))
        lines = b''.join(b'%s %d\n' % (k.encode(), len(v)) for k, v in sorted(blobs.items()))
        yield odd(f'the {name} file left out, list too',
                  changed(Bundle(ours.front, blobs), list=lines).settle())
        yield odd(f'other bytes in the {name} file',
                  Bundle(ours.front, {**ours.blobs, h: bytes(len(ours.blobs[h])) + b'!'}))
    extra = {**ours.blobs, sha256(b'extra'): b'extra'}
    yield odd('a file more', Bundle(ours.front, extra))
    swapped = dict(ours.blobs)
    same = [h for h in swapped if swapped[h] and h != largest][:2]
    swapped[same[0]], swapped[same[1]] = swapped[same[1]], swapped[same[0]]
    yield odd('two files changed over', Bundle(ours.front, swapped))
    envelope = json.loads(ours.front['envelope'])
    for name, text in (
            ('no signature', {**envelope, 'signatures': []}),
            ('65 signatures', {**envelope, 'signatures': envelope['signatures'] * 65}),
            ('another type', {**envelope, 'payloadType': 'text/plain'}),
            ('a signature of zeros', {**envelope, 'signatures': [
                {**envelope['signatures'][0], 'sig': 'A' * 86 + '=='}]})):
        yield odd(name, changed(ours, envelope=canonical(text)).settle())
    policy = json.loads(ours.proof['entries'][0]['json'])['statement']
    version = json.loads(next(e['json'] for e in ours.proof['entries']
                              if '"type":"version"' in e['json']))['statement']
    for name, text in (('a policy', policy), ('a version', version)):
        yield odd(f'the signature over {name}', changed(ours, envelope=canonical(text)).settle())
    proof = ours.proof
    proof['entries'] = [e for e in proof['entries'] if '"version":2' not in e['json']]
    assert len(proof['entries']) < len(ours.proof['entries'])
    yield odd('a policy taken out of the proof, nothing signed again',
              changed(ours, proof=canonical(proof) + b'\n').settle())
    yield odd('for somebody else', made['theirs'])
    later = int(time.time()) + 400 * DAY
    yield 'expired', put(sites, 'carried', ours), {'clock': later}
    yield odd('one that builds on what is not there', made['since'], verify=False)


def signed(sites, made):
    """With ana's key, or whose it says: what is not so in the source's log."""
    both, after, ours = made['both'], made['after'], made['ours']
    source, gap = sites.source, sites.gap
    ana, ben = sites.key(source, 'ana'), sites.key(source, 'ben')
    log = Log(source.registry)

    def odd(name, bundle, **more):
        return name, put(sites, 'signed', bundle), more

    for name, key in (('agent', sites.key(source, 'agent')), ('log key', sites.key(source, 'log')),
                      ('stranger', sites.key(gap, 'gus')), ('key that was revoked', ben)):
        yield odd(f'signed by the {name}', after.forged(key))
    zed = next(v for v in both.inventory['versions'] if v['model'] == 'zed')
    proof, size = after.proof, int(after.proof['checkpoint'].split('\n')[1])
    policies = [e for e in proof['entries'] if '"type":"policy"' in e['json']]
    proof['entries'] = sorted([*policies, log.entry(zed['seq'], size)], key=lambda e: e['seq'])
    manifest = json.loads(both.blobs[zed['digest'][7:]])
    wanted = [zed['digest'][7:], manifest['config']['digest'][7:],
              *(x['digest'][7:] for x in manifest['layers'])]
    yield odd('a version of a key that was revoked',
              after.forged(ana, {'versions': [zed]}, proof, {h: both.blobs[h] for h in wanted}))
    for i, what in ((0, 'first'), (1, 'second'), (-1, 'last')):
        cut = after.proof
        cut['entries'].remove(policies[i])
        yield odd(f'without the {what} policy', after.forged(ana, proof=cut))
    for name, change in proofs(after.proof, both.proof):
        yield odd(name, after.forged(ana, proof=change))
    versions = ours.inventory['versions']
    for name, v in (('digest', {'digest': zed['digest']}), ('number', {'number': 9}),
                    ('model', {'model': 'other'}), ('entry', {'seq': zed['seq']}),
                    ('policy for an entry', {'seq': 1}), ('size', {'size': 1}),
                    ('size, larger', {'size': versions[0]['size'] + 1})):
        yield odd(f'a version with another {name}',
                  ours.forged(ana, {'versions': [{**versions[0], **v}]}))
    yield odd('a version that is not proved', ours.forged(ana, {'versions': [*versions, zed]}))
    yield odd('a version that is not named', both.forged(ana, {'versions': versions}))
    yield odd('another registry', ours.forged(ana, {'registry': '0' * 32}),
              codes=(6,))
    yield odd('another fingerprint', ours.forged(ana, {'root': 'sha256:' + '0' * 64}))
    yield odd('for somebody else', ours.forged(ana, {'recipients': ['0' * 32, 'f' * 32]}))
    yield odd('expired yesterday', ours.forged(ana, {'expires': stamp(-DAY)}))
    yield from files(ours, ana, odd)


def stamp(seconds):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + seconds))


def proofs(proof, older):
    """(name, another proof)."""
    def first(**more):
        return {**proof, 'entries': [{**proof['entries'][0], **more}, *proof['entries'][1:]]}

    text = proof['checkpoint']
    yield 'no entries', {**proof, 'entries': []}
    yield 'entries out of order', {**proof, 'entries': proof['entries'][::-1]}
    yield 'an entry twice', {**proof, 'entries': [proof['entries'][0], *proof['entries']]}
    yield 'an older checkpoint', {**proof, 'checkpoint': older['checkpoint']}
    yield 'no checkpoint', {**proof, 'checkpoint': ''}
    yield 'another size in the checkpoint', {
        **proof, 'checkpoint': '\n'.join([text.split('\n')[0], '4', *text.split('\n')[2:]])}
    yield 'a checkpoint signed twice', {**proof, 'checkpoint': text + text.split('\n')[-2] + '\n'}
    yield 'a path that is cut', first(inclusion=proof['entries'][0]['inclusion'][:-1])
    yield 'a path that is too long', first(inclusion=proof['entries'][0]['inclusion'] +
                                           ['0' * 64] * 2)
    yield 'a path of 65', first(inclusion=['0' * 64] * 65)
    yield 'another place', first(seq=0)
    yield 'a place of 2^63', {**proof, 'entries': [*proof['entries'][:-1],
                                                   {**proof['entries'][-1], 'seq': 2**63 - 1}]}
    yield 'an entry of another time', first(
        json=proof['entries'][0]['json'].replace('"time":"20', '"time":"19'))
    yield 'an entry that is none', first(json='{}')
    yield 'a member more', {**proof, 'more': 1}
    yield 'no growth', {k: v for k, v in proof.items() if k != 'growth'}
    yield 'growth that is none', {**proof, 'growth': {}}
    yield 'another kind', {**proof, 'kind': 'LogExport'}
    yield 'another registry in the proof', {**proof, 'registry': '0' * 32}


def files(ours, ana, odd):
    """Lists and files that are not those of the versions, all of it signed."""
    blobs = ours.blobs
    largest = max(blobs, key=lambda h: len(blobs[h]))
    for h in sorted(blobs):
        left = {k: v for k, v in blobs.items() if k != h}
        yield odd(f'{h[:8]} left out and signed', ours.forged(ana, blobs=left))
        yield odd(f'{h[:8]} left out, and said to have come before',
                  ours.forged(ana, {'since': 1}, blobs=left), verify=False)
    yield odd('a file that no version has',
              ours.forged(ana, blobs={**blobs, sha256(b'extra'): b'extra'}))
    yield odd('inventory among the files', ours.forged(ana, blobs={**blobs, sha256(b'{}'): b'{}'}))
    n = len(blobs[largest])
    for name, size in (('a byte more', n + 1), ('a byte less', n - 1), ('1 PiB', 1 << 50),
                       ('more than 1 PiB', (1 << 50) + 1), ('2^63', 1 << 63), ('2^64', 1 << 64),
                       ('none', 0)):
        yield odd(f'{name} for a file', ours.forged(ana, sizes={largest: size}))
    lines = b''.join(b'%064x %d\n' % (i, 1 << 50) for i in range(1 << 14))
    yield odd('2^64 bytes in all, which is none', ours.forged(
        ana, {'blobs': 1 << 14, 'bytes': 0}, blobs={}, listed=lines))
    yield odd('no files', ours.forged(ana, blobs={}))
    for name in ('blobs', 'bytes'):
        yield odd(f'another number of {name}', ours.forged(ana, {name: ours.inventory[name] + 1}))


def spelt(sites, made):
    """What is signed is so, but written another way than a bundle is."""
    ours = made['ours']
    ana = sites.key(sites.source, 'ana')

    def odd(name, bundle, **more):
        return name, put(sites, 'spelt', bundle), more

    text = ours.front['list']
    rows = text.splitlines(True)
    for name, listed in (('backwards', b''.join(rows[::-1])), ('with a line twice', rows[0] + text),
                         ('without its last line feed', text[:-1]),
                         ('with an empty line', text + b'\n'),
                         ('with CR', text.replace(b'\n', b'\r\n')),
                         ('with a plus', text.replace(b' ', b' +')),
                         ('with zeros in front', text.replace(b' ', b' 00')),
                         ('with two blanks', text.replace(b' ', b'  ')),
                         ('in capitals', text.upper()), ('with NUL', text + b'\0')):
        yield odd(f'a list {name}', ours.forged(ana, listed=listed))
    for name, member in (
            ('counter 0', {'counter': 0}), ('counter -1', {'counter': -1}),
            ('counter 2^63', {'counter': 2**63}), ('counter 1.0', {'counter': 1.0}),
            ('counter as text', {'counter': '2'}), ('since as large', {'since': 2}),
            ('no time', {'created': 'yesterday'}), ('a time of another zone',
             {'expires': '2099-01-01T00:00:00+01:00'}),
            ('recipients twice', {'recipients': [sites.gap_id] * 2}),
            ('recipients out of order', {'recipients': ['f' * 32, '0' * 32]}),
            ('a recipient that is none', {'recipients': ['F' * 32]}),
            ('65 recipients', {'recipients': sorted(f'{i:032x}' for i in range(65))}),
            ('no versions', {'versions': []}),
            ('513 versions', {'versions': ours.inventory['versions'] * 513}),
            ('a version twice', {'versions': ours.inventory['versions'] * 2}),
            ('a member more', {'more': 1}), ('another kind', {'kind': 'Other'}),
            ('a model that cannot be', {'versions': [{**ours.inventory['versions'][0],
                                                      'model': '../x'}]}),
            ('a model of control characters', {'versions': [{
                **ours.inventory['versions'][0], 'model': 'a\x1b[2J\u202e'}]}),
            ('a manifest of 1 PiB', {'versions': [{**ours.inventory['versions'][0],
                                                   'size': 1 << 50}]})):
        yield odd(name, ours.forged(ana, member))
    plain = ours.front['inventory']
    for name, inventory in (
            ('without its line feed', plain[:-1]), ('with a blank', plain[:-1] + b' \n'),
            ('with two line feeds', plain + b'\n'), ('with a blank in front', b' ' + plain),
            ('with a member twice', b'{"blobs":1,' + plain[1:]),
            ('with NUL', plain.replace(b'"since":0', b'"since":0,"x":"\\u0000"')),
            ('with a byte order mark', b'\xef\xbb\xbf' + plain),
            ('that is not UTF-8', plain.replace(b'slipway/v1', b'slipway/\xff1'))):
        bad = changed(ours, inventory=inventory)
        try:
            bad.front['envelope'] = bad.envelope(ana)
        except ValueError:
            pass
        bad.front['index'], bad.front['manifest'] = ours.front['index'], ours.front['manifest']
        yield odd(f'an inventory {name}', bad)
    proof = ours.front['proof']
    for name, text in (('without its line feed', proof[:-1]), ('with a blank', b' ' + proof),
                       ('with a member twice', b'{"kind":"BundleProof",' + proof[1:])):
        bad = changed(ours, proof=text)
        v = ours.inventory
        v['proof'] = {'digest': 'sha256:' + sha256(text), 'size': len(text)}
        bad.front['inventory'] = canonical(v) + b'\n'
        bad.front['envelope'] = bad.envelope(ana)
        yield odd(f'a proof {name}', bad.settle())
    envelope = ours.front['envelope']
    v = json.loads(envelope)
    for name, text in (
            ('a blank', envelope + b' '), ('members in another order', json.dumps(v).encode()),
            ('a member more', canonical({**v, 'more': 'x' * 100000})),
            ('63 signatures that nobody made', canonical({**v, 'signatures': v['signatures'] + [
                {'keyid': '\u202e\x1b[2J', 'sig': 'A' * 86 + '=='}] * 63})),
            ('a name of a key that is not so', canonical({**v, 'signatures': [
                {**v['signatures'][0], 'keyid': 'x'}]})),
            ('a member more in the signature', canonical({**v, 'signatures': [
                {**v['signatures'][0], 'cert': 'x' * 1000}]}))):
        yield odd(f'an envelope with {name}', changed(ours, envelope=text).settle())


class Story:
    """One bundle after the other; what came stays as it came."""

    def __init__(self, sites, tap):
        self.sites, self.tap, self.refused = sites, tap, 0

    def comes(self, name, bundle):
        paths = put(self.sites, name, bundle)
        for words in (('verify', *paths, '--root', self.sites.root), ('import', *paths)):
            done = self.sites.gap.run('bundle', *words, '-q')
            self.tap.case(done.returncode == 0, f'"{name}" is a good one: {words[0]}', done.stderr)

    def bad(self, name, bundle, **more):
        text = self.sites.ask(put(self.sites, 'story', bundle), **more)
        self.tap.case(not text, f'story: {name}', text)
        self.refused += not text

    def source(self, *words):
        self.sites.source.must(*words, '--key', 'ana')


def again(sites, words, number):
    """The source's next version, and a bundle of it."""
    sites.source.must('import', sites.model(f'n{number}', a=b'%d\n' % number), '--as', 'risk/face',
                      '--key', 'ana')
    return sites.build(f'again{number}.tar', *words, '--key', 'ana')


def story(sites, tap, made):
    s = Story(sites, tap)
    ana = sites.key(sites.source, 'ana')
    s.comes('ours', made['ours'])
    s.bad('an older one', made['both'])
    s.bad('another one with its number', made['ours'].forged(ana, {'created': stamp(-60)}))
    s.bad('its number, and what came later in it', made['after'].forged(ana, {'counter': 2}))
    s.bad('the log behind it is the one of before', made['both'].forged(ana, {'counter': 9}))
    s.comes('after', made['after'])
    s.bad('the one before that', made['ours'])
    sites.gap.must('import', sites.model('mine', a=b'mine'), '--as', 'mine')
    s.source('import', sites.model('hers', a=b'hers'), '--as', 'mine')
    s.bad('a model that has another home', sites.build('mine.tar', 'mine', '--key', 'ana'),
          codes=(5,), named=['"mine"'], verify=False)
    sites.source.keep()
    s.comes('fork', again(sites, ['risk/face@v3'], 3))
    sites.source.back()
    s.bad('the log went back, the number again', again(sites, ['risk/face@v3'], 4))
    s.bad('the log went back, and on', again(sites, ['risk/face@v4'], 5))
    sites.gap.must('policy', 'trust-site', 'hq', '--remove', '--yes')
    s.bad('of a site that nobody believes any more', made['since'], verify=False)
    print(f'# story: {s.refused} refused')
