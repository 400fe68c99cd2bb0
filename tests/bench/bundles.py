# SPDX-License-Identifier: Apache-2.0
"""Bundles: built, verified and taken in beside copying and hashing the same bytes, and the
difference of one file among many."""
import json
import os
import shutil
import subprocess

MIB = 1 << 20


def shell(text, *words):
    return ['sh', '-c', text, 'sh', *words]


def random_file(path, size):
    with open(path, 'wb') as f:
        for _ in range(0, size, MIB):
            f.write(os.urandom(min(size, MIB)))
        os.fsync(f.fileno())


def root_of(b, registry):
    done = subprocess.run(b.ours(registry, 'policy', 'show', '-o', 'json'), check=True,
                          capture_output=True)
    return json.loads(done.stdout)['digest']


def whole(b, row, ratio, times):
    size = (64 if b.quick else 4096) * MIB
    rounds = 3
    b.init('hq')
    random_file(b.at('whole.bin'), size)
    b.quietly('hq', 'import', b.at('whole.bin'), '--as', 'm')
    blob = b.at('hq', 'blobs', 'sha256')
    blob = max((os.path.join(blob, n) for n in os.listdir(blob)), key=os.path.getsize)
    os.unlink(b.at('whole.bin'))
    tar, copy = b.at('b.tar'), b.at('copy')
    runs = b.pairs(rounds, ours=shell('rm -f "$1"; shift; exec "$@"', tar,
                                      *b.ours('hq', 'bundle', 'build', 'm', '--to', tar)),
                   cp=shell('rm -f "$2"; cp "$1" "$2" && sync -f "$2"', blob, copy))
    times(runs)
    row(f'build of {size // MIB} MiB / cp; sync', ratio(runs, 'ours', 'cp'), 1.1)
    row('peak', max(r[2] for r in runs['ours']), 24, '{:.1f} MiB')
    root = root_of(b, 'hq')
    verify = [b.slipway, 'bundle', 'verify', tar, '--root', root]
    one = ['taskset', '-c', str(min(os.sched_getaffinity(0)))]
    runs = b.pairs(rounds, ours=verify, one=one + verify, sha256sum=['sha256sum', tar])
    times(runs)
    row('verify by one processor / sha256sum', ratio(runs, 'one', 'sha256sum'), 1.05)
    row('verify by two / sha256sum', ratio(runs, 'ours', 'sha256sum'), 0.4)
    row('peak', max(r[2] for r in runs['ours']), 24, '{:.1f} MiB')
    peer(b, row, ratio, times, tar)
    taken_in(b, row, ratio, times, root, tar, copy, rounds)


def peer(b, row, ratio, times, tar):
    """What carries images otherwise: skopeo copies a layout, tar packs it."""
    if not shutil.which('skopeo'):
        print('  skopeo is not here: not measured')
        return
    os.mkdir(b.at('layout'))
    subprocess.run(['tar', 'xf', tar, '-C', b.at('layout')], check=True)
    runs = b.pairs(2, ours=shell('rm -f "$1"; shift; exec "$@"', b.at('p.tar'),
                                 *b.ours('hq', 'bundle', 'build', 'm', '--to', b.at('p.tar'))),
                   skopeo=shell('rm -rf "$2" "$3"; skopeo copy -q oci:"$1":m-v1 oci:"$2":m && '
                                'tar cf "$3" -C "$2" . && sync -f "$3"',
                                b.at('layout'), b.at('again'), b.at('again.tar')))
    times(runs)
    row('build / skopeo copy; tar; sync', ratio(runs, 'ours', 'skopeo'))
    for name in ('layout', 'again'):
        shutil.rmtree(b.at(name))
    for name in ('p.tar', 'again.tar'):
        os.unlink(b.at(name))


def taken_in(b, row, ratio, times, root, tar, copy, rounds):
    for i in range(rounds):
        b.init(f'gap{i}')
        b.quietly(f'gap{i}', 'policy', 'trust-site', 'hq', '--root', root, '--yes')
    runs = b.pairs(rounds, ours=b.ours('gap@@', 'bundle', 'import', tar),
                   cp=shell('rm -f "$2"; cp "$1" "$2" && sync -f "$2"', tar, copy))
    times(runs)
    row('import / cp; sync', ratio(runs, 'ours', 'cp'), 1.1)
    row('peak', max(r[2] for r in runs['ours']), 24, '{:.1f} MiB')
    for i in range(rounds):
        shutil.rmtree(b.at(f'gap{i}'))
    for path in (tar, copy):
        os.unlink(path)
    shutil.rmtree(b.at('hq'))


def difference(b, row, ratio, times):
    """The same number of files, sixteen times the bytes; one of them changes."""
    count = 1000 if b.quick else 10000
    for name, size in (('thin', 4 << 10), ('thick', 64 << 10)):
        b.init(name)
        os.mkdir(b.at('f'))
        for i in range(count):
            with open(b.at('f', f'{i:05d}'), 'wb') as f:
                f.write(os.urandom(size))
        b.quietly(name, 'import', b.at('f'), '--as', 'm')
        b.quietly(name, 'bundle', 'build', 'm', '--to', b.at(name + '-1.tar'))
        with open(b.at('f', '00000'), 'wb') as f:
            f.write(os.urandom(size))
        b.quietly(name, 'import', b.at('f'), '--as', 'm')
        shutil.rmtree(b.at('f'))
    ours = {name: shell('rm -f "$1"; shift; exec "$@"', b.at(name + '-2.tar'),
                        *b.ours(name, 'bundle', 'build', 'm', '--since', '1', '--to',
                                b.at(name + '-2.tar'))) for name in ('thin', 'thick')}
    runs = b.pairs(5, **ours)
    times(runs)
    row(f'difference of 1 among {count:,} files: 16 times the bytes',
        ratio(runs, 'thick', 'thin'), 1.2)
    row('peak', max(r[2] for r in runs['thick']), 24, '{:.1f} MiB')
    row('size of the difference', os.path.getsize(b.at('thick-2.tar')) / MIB, form='{:.1f} MiB')


def measure(b, row, ratio, times):
    whole(b, row, ratio, times)
    difference(b, row, ratio, times)
