# SPDX-License-Identifier: Apache-2.0
"""Archives that no bundle is: other kinds of entries, sizes that lie, parts that do not belong
together, and bombs. Nobody's key is needed for any of them.
"""
import json
import os

from bundlekit import BLOCK, FRONT, Bundle, canonical, compact, header, octal, padded, sha256

PIB = 1 << 50


def base256(value):
    return b'\x80' + value.to_bytes(11, 'big')


def record(text):
    """One of a pax header: its length counts itself."""
    n = len(text) + 3
    while len(b'%d %s\n' % (n, text)) != n:
        n += 1
    return b'%d %s\n' % (n, text)


def pax(text, kind=b'x', size=None):
    return header(b'size.pax', len(text) if size is None else size, kind) + padded(text)


def hostile(data):
    """name -> what stands in the place of an entry with that data."""
    n = len(data)
    body = padded(data)
    odd = {
        'a name with ..': header(b'blobs/sha256/../../../x', n) + body,
        'only ..': header(b'..', n) + body,
        'an absolute name': header(b'/etc/slipway', n) + body,
        'a name that is not UTF-8': header(b'blobs/\xff\xfe\x80', n) + body,
        'a name of control characters': header(b'\x1b[2J\x07\r\n', n) + body,
        'a name without an end': header(b'x' * 100, n) + body,
        'no name': header(b'', n) + body,
        'a prefix': header(b'oci-layout', n, prefix=b'..') + body,
        'a hard link': header(b'oci-layout', 0, b'1', linkname=b'/etc/passwd'),
        'a symbolic link': header(b'oci-layout', 0, b'2', linkname=b'../../x'),
        'a link that has bytes': header(b'oci-layout', n, b'2', linkname=b'x') + body,
        'a character device': header(b'oci-layout', 0, b'3', devmajor=octal(1, 8),
                                     devminor=octal(5, 8)),
        'a block device': header(b'oci-layout', 0, b'4', devmajor=octal(8, 8)),
        'a folder': header(b'blobs/', 0, b'5'),
        'a FIFO': header(b'oci-layout', 0, b'6'),
        'a contiguous file': header(b'oci-layout', n, b'7') + body,
        'a sparse file of GNU': header(b'oci-layout', n, b'S', prefix=b'\0' * 41 + octal(0, 12) +
                                       octal(PIB % 8**11, 12)) + body,
        'a sparse file of pax': pax(record(b'GNU.sparse.major=1') +
                                    record(b'GNU.sparse.realsize=%d' % PIB)) +
        header(b'oci-layout', n) + body,
        'a long name of GNU': header(b'././@LongLink', 4096, b'L') + bytes(4096) +
        header(b'oci-layout', n) + body,
        'a global header': pax(record(b'path=../x'), b'g') + header(b'oci-layout', n) + body,
        'a pax header for a small file': pax(record(b'size=%d' % n)) + header(b'oci-layout', 0) +
        body,
        'a pax header of a path': pax(record(b'path=../../x')) + header(b'oci-layout', n) + body,
        'a pax header of 8 GiB': pax(b'', size=8**11 - 1) + header(b'oci-layout', n) + body,
        'a pax size of 2^63': pax(record(b'size=%d' % 2**63)) + header(b'oci-layout', 0) + body,
        'a pax size of 2^64': pax(record(b'size=%d' % 2**64)) + header(b'oci-layout', 0) + body,
        'a pax size of 40 digits': pax(record(b'size=' + b'9' * 40)) + header(b'oci-layout', 0) +
        body,
        'a pax record without an end': pax(b'9' * BLOCK) + header(b'oci-layout', 0) + body,
        'a size of 1 PiB': header(b'oci-layout', 0, size=base256(PIB)) + body,
        'a size in base 256': header(b'oci-layout', 0, size=base256(n)) + body,
        'a size of 2^63': header(b'oci-layout', 0, size=base256(2**63)) + body,
        'a size of 2^64 - 1': header(b'oci-layout', 0, size=base256(2**64 - 1)) + body,
        'a negative size': header(b'oci-layout', 0, size=b'\xff' * 12) + body,
        'a size of twelve digits': header(b'oci-layout', 0, size=b'7' * 12) + body,
        'the largest size': header(b'oci-layout', 8**11 - 1) + body,
        'a size with blanks': header(b'oci-layout', 0, size=b'%11o ' % n) + body,
        'a size without digits': header(b'oci-layout', 0, size=b'\0' * 12) + body,
        'old tar': header(b'oci-layout', n, b'\0', magic=b'\0' * 6, version=b'\0\0') + body,
        'GNU tar': header(b'oci-layout', n, magic=b'ustar ', version=b' \0') + body,
        'a sum that is wrong': header(b'oci-layout', n, chksum=octal(0, 8)) + body,
        'an empty block': bytes(BLOCK) + header(b'oci-layout', n) + body,
        'an end too early': bytes(2 * BLOCK) + header(b'oci-layout', n) + body,
    }
    return odd


def with_name(block, name):
    """The same with the name that belongs there, where that is not what is odd."""
    if b'oci-layout' + bytes(90) not in block[:BLOCK]:
        return block
    end = {k: block[a:b] for k, a, b in (('mode', 100, 108), ('size', 124, 136),
                                         ('linkname', 157, 257), ('magic', 257, 263),
                                         ('version', 263, 265), ('devmajor', 329, 337),
                                         ('devminor', 337, 345), ('prefix', 345, 500))}
    if block[148:156] == octal(0, 8):
        end['chksum'] = octal(0, 8)
    return header(name, 0, block[156:157], **end) + block[BLOCK:]


def attacks(sites, good):
    """Each odd thing in the place of the first entry, of a document, of a large and of the last
    file; and before the first one and behind the last."""
    entries = list(good.entries())
    plain = [head + padded(data) for _, head, data in entries]
    largest = max(range(len(FRONT), len(entries)), key=lambda i: len(entries[i][2]))
    end = bytes(2 * BLOCK)
    for label, i in (('first', 0), ('list', 6), ('large', largest), ('last', len(entries) - 1)):
        _, head, data = entries[i]
        for name, block in hostile(data).items():
            block = with_name(block, head[:100].rstrip(b'\0'))
            text = b''.join(plain[:i] + [block] + plain[i + 1:]) + end
            yield f'{name}, {label}', [sites.write('odd.tar', text)], {}
    for name, block in (('a link', header(b'l', 0, b'2', linkname=b'/')),
                        ('the first file again', plain[0]), ('the last file again', plain[-1]),
                        ('another file', header(b'README', 4) + padded(b'read')),
                        ('a global header', pax(record(b'comment=x'), b'g'))):
        for label, text in (('in front', [block, *plain, end]), ('behind', [*plain, block, end]),
                            ('behind the documents', [*plain[:8], block, *plain[8:], end]),
                            ('behind the end', [*plain, end, block])):
            yield f'{name} {label}', [sites.write('odd.tar', b''.join(text))], {}
    for i, (label, head, data) in enumerate(entries):
        name = head[:100].rstrip(b'\0')
        for how, n in (('larger', len(data) + 1), ('smaller', max(0, len(data) - 1)),
                       ('a block larger', len(data) + BLOCK)):
            if n != len(data):
                text = b''.join([*plain[:i], header(name, n) + padded(data), *plain[i + 1:], end])
                yield f'{label} said to be {how}', [sites.write('odd.tar', text)], {}
        text = b''.join(plain[:i] + plain[i + 1:]) + end
        yield f'{label} left out', [sites.write('odd.tar', text)], {}
        if i + 1 < len(entries):
            text = plain[:i] + [plain[i + 1], plain[i]] + plain[i + 2:]
            yield f'{label} behind the next', [sites.write('odd.tar', b''.join(text) + end)], {}
    whole = good.bytes()
    for label, text in (('no end', whole[:-2 * BLOCK]), ('half an end', whole[:-BLOCK]),
                        ('a byte less', whole[:-1]), ('a byte more', whole + b'\0'),
                        ('an end as tar pads it', whole + bytes(-len(whole) % 10240)),
                        ('twice', whole + whole), ('half', whole[:len(whole) // 2]),
                        ('one block', whole[:BLOCK]), ('700 bytes', whole[:700])):
        yield label, [sites.write('odd.tar', text)], {}


def none(sites):
    """What is no archive."""
    for name, data in (('empty', b''), ('text', b'no bundle\n' * 500), ('one byte', b'o'),
                       ('zeros', bytes(1 << 20)), ('random', os.urandom(1 << 16)),
                       ('tar.zst', b'\x28\xb5\x2f\xfd\x04\x58' + os.urandom(40000)),
                       ('tar.gz', b'\x1f\x8b\x08' + os.urandom(40000)),
                       ('zip', b'PK\3\4' + os.urandom(4000)),
                       ('another layout', header(b'oci-layout', 30) +
                        padded(b'{"imageLayoutVersion":"1.0.0"}') + bytes(2 * BLOCK))):
        yield name, [sites.write(f'no.{name.replace(" ", ".")}', data)], {}
    os.mkdir(f'{sites.folder}/folder.tar')
    yield 'a folder', [f'{sites.folder}/folder.tar'], {}
    os.mkfifo(f'{sites.folder}/pipe.tar')
    yield 'a FIFO', [f'{sites.folder}/pipe.tar'], {}
    yield '/dev/zero', ['/dev/zero'], {}
    yield '/dev/null', ['/dev/null'], {}
    yield 'no file', [f'{sites.folder}/nothing.tar'], {'codes': (3,)}
    os.symlink('loop.tar', f'{sites.folder}/loop.tar')
    yield 'a link to itself', [f'{sites.folder}/loop.tar'], {'codes': (3, 6, 11)}


def parts(sites, made):
    """Slices of it."""
    size = 512 << 10
    ours = made['ours'].bytes()
    cut = [ours[i:i + size] for i in range(0, len(ours), size)]
    stem = f'{sites.folder}/part.tar'

    def lay(*slices):
        for i in range(1, 10):
            if os.path.exists(f'{stem}.{i:03}'):
                os.unlink(f'{stem}.{i:03}')
        for number, data in slices:
            sites.write(f'part.tar.{number:03}', data)
        return [f'{stem}.{number:03}' for number, _ in slices]

    lost = {'codes': (3,), 'named': ['part']}
    all_of_it = list(enumerate(cut, 1))
    assert len(cut) >= 3
    for i in range(len(cut)):
        yield f'part {i + 1} is missing', lay(*all_of_it[:i], *all_of_it[i + 1:]), lost
    lay(*all_of_it[:-1])
    yield 'the last is missing, by the first', [f'{stem}.001'], lost
    lay(*all_of_it)
    yield 'the second alone', [f'{stem}.002'], lost
    yield 'one twice', [f'{stem}.001', f'{stem}.002', f'{stem}.002'], \
        {'codes': (2,), 'named': ['part']}
    yield 'with a file that is no part', [f'{stem}.001', sites.write('x.tar', ours)], \
        {'codes': (2, 3), 'named': ['x.tar', 'part']}
    for a, b in ((0, 1), (1, 2), (0, 2)):
        mixed = list(cut)
        mixed[a], mixed[b] = mixed[b], mixed[a]
        yield f'parts {a + 1} and {b + 1} changed over', lay(*enumerate(mixed, 1)), {}
    other = made['both'].bytes()
    for i in range(len(cut)):
        mixed = list(cut)
        mixed[i] = other[i * size:i * size + len(cut[i])]
        if mixed[i] == cut[i]:  # end blocks and zeros
            continue
        yield f'part {i + 1} of another bundle', lay(*enumerate(mixed, 1)), {}
    yield 'an empty first part', lay((1, b''), (2, ours)), {}
    yield 'an empty last part', lay(*all_of_it, (len(cut) + 1, b'')), {}
    yield 'a part too many', lay(*all_of_it, (len(cut) + 1, cut[0][:10])), {}
    for i in range(len(cut)):
        short = list(cut)
        short[i] = short[i][:-1]
        yield f'part {i + 1} cut off', lay(*enumerate(short, 1)), {}
    bad = bytearray(cut[1])
    bad[len(bad) // 2] ^= 1
    yield 'part 2 is damaged', lay((1, cut[0]), (2, bytes(bad)), *all_of_it[2:]), \
        {'hint': 'parts 1 to'}


def bomb_front(good, **texts):
    """Documents that follow from each other, whatever is in them."""
    b = Bundle(good.front, good.blobs)
    b.front.update(texts)
    if 'inventory' not in texts:
        v = b.inventory
        for name in ('list', 'proof'):
            v[name] = {'digest': 'sha256:' + sha256(b.front[name]), 'size': len(b.front[name])}
        sizes = b.sizes
        v.update(blobs=len(sizes), bytes=sum(sizes.values()) % 2**64)
        b.front['inventory'] = canonical(v) + b'\n'
    return b.settle() if 'inventory' not in texts else b


def filled(text, size, more):
    """JSON of just that size: more again and again where text has <more>."""
    front, back = text.split(b'<more>')
    n = (size - len(front) - len(back) - 1) // (len(more) + 1)
    return front + b','.join([more] * n) + back


def texts(most, is_long):
    """(name, JSON of about that size)"""
    yield 'numbers', filled(b'[<more>]', most, b'0')
    yield 'objects with members', filled(b'[<more>]', most, b'{"":0}')
    yield 'depth', b'[' * (most // 2) + b']' * (most // 2)
    if is_long:
        yield 'arrays', filled(b'[<more>]', most, b'[]')
        yield 'objects', filled(b'[<more>]', most, b'{}')
        yield 'members', b'{' + b','.join(b'"%d":0' % i for i in range(most // 12)) + b'}'
        yield 'depth below the limit', filled(b'[<more>]', most, b'[' * 60 + b']' * 60)
        yield 'one string', b'"' + b'a' * (most - 2) + b'"'
        yield 'escapes', b'"' + b'\\u0041' * (most // 6 - 1) + b'"'


def bombs(sites, good, is_long):
    """(name, path, exit statuses): few bytes, or holes, that say they were many."""
    entries = list(good.entries())
    plain = [head + padded(data) for _, head, data in entries]

    def made(name, text, hole=0):
        path = sites.write('bomb.tar', text)
        if hole:
            os.truncate(path, hole)
        return name, path, (6,)

    for i in range(len(entries)):
        name = entries[i][1][:100].rstrip(b'\0')
        front = b''.join(plain[:i])
        yield made(f'1 PiB in {entries[i][0]}', front + pax(record(b'size=%d' % PIB)) +
                   header(name, 0) + bytes(8 * BLOCK))
        if i < len(FRONT):
            yield made(f'8 GiB in {entries[i][0]}', front + header(name, 8**11 - 1), 9 << 30)
    yield made('a hole of 1 TiB', b'', 1 << 40)
    yield made('a hole of 1 TiB behind a good one', good.bytes(), 1 << 40)
    for name, most in (('inventory', 4 << 20), ('proof', 8 << 20), ('envelope', 131072)):
        for what, text in texts(most, is_long):
            yield made(f'{what} in {name}', bomb_front(good, **{name: text}).bytes())
    proof = json.loads(good.front['proof'])
    for member in ('entries', 'growth'):
        text = canonical({**proof, member: ['<more>']})
        for what, more in (('numbers', b'0'), ('objects', b'{}'))[:1 + is_long]:
            big = filled(text.replace(b'"<more>"', b'<more>'), (8 << 20) - 1, more) + b'\n'
            yield made(f'{what} in {member}', bomb_front(good, proof=big).bytes())
    entry = {'inclusion': [], 'json': '{"body":{"x":[%s]}}' % ','.join(['{}'] * 21000), 'seq': 1}
    big = canonical({**proof, 'entries': [{**entry, 'seq': i} for i in range(120)]}) + b'\n'
    yield made('objects within entries', bomb_front(good, proof=big).bytes())
    lines = b''.join(b'%064x %d\n' % (i, PIB) for i in range(131072))
    yield made('128 ZiB in 131072 files', bomb_front(good, list=lines).bytes())
    lines += b'%064x %d\n' % (131072, PIB)
    yield made('a file too many', bomb_front(good, list=lines[:131072 * 88]).bytes())
    v = good.inventory
    text = compact({**v, 'versions': ['<more>']}).replace(b'"<more>"', b'<more>')
    row = canonical({**v['versions'][0]})
    yield made('versions', bomb_front(good, inventory=filled(text, 4 << 20, row)).bytes())
