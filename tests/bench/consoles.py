# SPDX-License-Identifier: Apache-2.0
"""The console beside nnn, tig and htop: the same terminal, the same keys, in turn in one run. Who
is not installed is left out and named."""
import os
import shutil
import statistics
import subprocess
import threading
import time

import registries
import screen

FILES, COMMITS, ROWS = 1362, 3000, 1000
UP, DOWN, PAGE = b'\x1bOA', b'\x1bOB', b'\x1b[6~'  # as xterm sends them to curses


def folder(b):
    os.makedirs(b.at('folder'))
    for i in range(FILES):
        with open(b.at('folder', f'model-{i:06d}'), 'wb'):
            pass
    return b.at('folder')


def history(b):
    """A repository of so many commits, made by one process."""
    os.makedirs(b.at('history'))
    lines = ['blob\nmark :1\ndata 1\nx\n']
    for i in range(COMMITS):
        lines.append(f'commit refs/heads/main\ncommitter A <a@example> {1700000000 + i * 60} '
                     f'+0000\ndata 20\nchange number {i:06d}\nM 100644 :1 f{i % 50}\n')
    git = ['git', '-C', b.at('history')]
    subprocess.run([*git, 'init', '-q', '-b', 'main'], check=True)
    subprocess.run([*git, 'fast-import', '--quiet'], check=True, input=''.join(lines).encode())
    return b.at('history')


def anchors(b):
    """name -> argv of those that are here."""
    found = {}
    os.makedirs(os.environ['XDG_CONFIG_HOME'], exist_ok=True)  # nnn makes but its own
    if shutil.which('nnn'):
        found['nnn'] = ['nnn', folder(b)]
    if shutil.which('tig'):
        found['tig'] = ['sh', '-c', 'cd "$1" && exec tig', 'sh', history(b)]
    if shutil.which('htop'):
        found['htop'] = ['htop']
    missing = {'nnn', 'tig', 'htop'} - set(found)
    if missing:
        print('  not installed: ' + ', '.join(sorted(missing)))
    return found


def memory(t):
    """(RSS, PSS) in MiB."""
    with open(f'/proc/{t.pid}/smaps_rollup', encoding='ascii') as f:
        kib = {line.split(':')[0]: int(line.split()[1]) for line in f if line.endswith('kB\n')}
    return kib['Rss'] / 1024, kib['Pss'] / 1024


def latencies(t, keys, count):
    """Milliseconds from a key to the first byte that it brought."""
    found = []
    for i in range(count):
        began = time.perf_counter()
        os.write(t.master, keys[i % len(keys)])
        first = t.first_byte()
        if first is not None:
            found.append((first - began) * 1000)
        t.read(quiet=0.015, first=0.015)
    return found


def p99(values):
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)] if values else float('nan')


def one(argv, quick):
    """All figures of a program that stands on its first screen."""
    t = screen.Terminal(argv)
    t.read()
    fact = dict(zip(('rss', 'pss'), memory(t)))
    fact['move'] = t.key(DOWN)
    for _ in range(30):  # to the last row: from here on it scrolls
        t.key(DOWN)
    fact['scroll'] = statistics.median(t.key(DOWN) for _ in range(5))
    fact['page'] = t.key(PAGE)
    fact['idle'] = t.idle(2 if quick else 5) / (2 if quick else 5)
    fact['p99'] = p99(latencies(t, (DOWN, UP), 50 if quick else 200))
    t.close()
    return fact


def beside(b, row):
    ours = {'slipway': b.ours('few', 'console')}
    programs = {**ours, **anchors(b)}
    rounds = 3 if b.quick else 9
    small = screen.first_screens(programs, rounds)
    large = screen.first_screens(programs, 3, columns=160, rows=48)
    head = ('', 'first ms', 'bytes', '160x48', 'RSS', 'PSS', 'move', 'scroll', 'page', 'idle/s',
            'key p99')
    print('  {:<9}{:>9}{:>8}{:>8}{:>6}{:>6}{:>7}{:>8}{:>7}{:>8}{:>9}'.format(*head))
    facts = {}
    for name, argv in programs.items():
        fact = facts[name] = one(argv, b.quick)
        fact['first'] = statistics.median(f[0] for f in small[name]) * 1000
        fact['bytes'] = statistics.median(f[1] for f in small[name])
        fact['wide'] = statistics.median(f[1] for f in large[name])
        print('  {:<9}{first:>9.1f}{bytes:>8.0f}{wide:>8.0f}{rss:>6.1f}{pss:>6.1f}{move:>7.0f}'
              '{scroll:>8.0f}{page:>7.0f}{idle:>8.0f}{p99:>9.2f}'.format(name, **fact), flush=True)
    ours = facts['slipway']
    for what, key, budget, form in (
            ('exec to a whole screen', 'first', 10, '{:.1f} ms'),
            ('RSS', 'rss', 6, '{:.1f} MiB'), ('PSS', 'pss', 4, '{:.1f} MiB'),
            ('bytes of the first screen', 'bytes', 2500, '{:.0f}'),
            ('bytes of the first screen at 160x48', 'wide', 6000, '{:.0f}'),
            ('bytes of a cursor move', 'move', 250, '{:.0f}'),
            ('bytes of a scroll by one line', 'scroll', 300, '{:.0f}'),
            ('bytes of a page', 'page', 1.1 * ours['bytes'], '{:.0f}'),
            ('bytes a second when idle', 'idle', 0, '{:.0f}'),
            ('key to first byte, p99', 'p99', 5, '{:.2f} ms')):
        row(what, ours[key], budget, form)


def writes(b, row):
    if not shutil.which('strace'):
        return
    argv = b.ours('few', 'console')
    first = screen.writes(argv, b.at('trace'))
    more = screen.writes(argv, b.at('trace'), keys=[DOWN] * 40)
    row('writes of the first screen', first, 1, '{:.0f}')
    row('writes per frame of 40 keys', (more - first) / 40, 1, '{:.2f}')


def busy(b, row):
    """Keys while another process changes the registry as fast as it can."""
    ends = threading.Event()

    def change():
        n = 0
        while not ends.is_set():
            n += 1
            b.quietly('few', 'label', f'model-{n % ROWS:06d}@v1', f'run={n}')

    changes = threading.Thread(target=change)
    t = screen.Terminal(b.ours('few', 'console'))
    t.read()
    changes.start()
    found = latencies(t, (DOWN, UP), 60 if b.quick else 300)
    ends.set()
    changes.join()
    t.close()
    row('key to first byte while the registry changes, p99', p99(found), 5, '{:.2f} ms')


def large(b, row, median):
    """A million rows on the first screen, beside a thousand."""
    count = 100000 if b.quick else 1000000
    registries.make(b.slipway, b.at('many'), count, 1)
    registries.make(b.slipway, b.at('long'), 1, count)
    programs = {n: b.ours(n, 'console') for n in ('few', 'many', 'long')}
    found = screen.first_screens(programs, 5 if b.quick else 15)
    for name, what in (('many', 'models'), ('long', 'versions of one model')):
        row(f'first screen of {count:,} {what} / of {ROWS:,}',
            median(m[0] / a[0] for m, a in zip(found[name], found['few'])), 1.2)
    t = screen.Terminal(programs['many'])
    t.read()
    row(f'RSS with {count:,} models', memory(t)[0], 6, '{:.1f} MiB')
    letters = b'model-0012'
    first, later = [], []
    for _ in range(2 if b.quick else 5):
        os.write(t.master, b'/')
        t.read(quiet=0.2, first=0.5)
        for i in range(len(letters)):
            ms = latencies(t, (letters[i:i + 1],), 1)
            (first if i == 0 else later).extend(ms)
            t.read(quiet=0.3, first=0.3)
        os.write(t.master, b'\x1b')
        t.read(quiet=0.4, first=0.5)
    row(f'filter of {count:,} rows: first letter, worst', max(first), 16, '{:.1f} ms')
    row(f'filter of {count:,} rows: next letters, p99', p99(later), 4, '{:.1f} ms')
    t.close()


def measure(b, row, median):
    registries.make(b.slipway, b.at('few'), ROWS, 1)
    beside(b, row)
    writes(b, row)
    busy(b, row)
    large(b, row, median)
