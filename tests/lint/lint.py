# SPDX-License-Identifier: Apache-2.0
"""What the lints share: which files there are, C without its comments and strings, and the report.
Every lint takes the source folder as its argument and prints one TAP case."""
import os
import re
import sys

FOLDERS = ('crypto', 'registry', 'deploy', 'tui', 'tests', 'packaging', '.ci')
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
root = sys.argv[1] if len(sys.argv) > 1 else '.'


def files(*suffixes, skip=('tests/data/',)):
    """Paths below the source folder that end so, sorted; no suffix: all."""
    for folder in FOLDERS:
        for where, below, names in os.walk(os.path.join(root, folder)):
            below.sort()
            for name in sorted(names):
                path = os.path.relpath(os.path.join(where, name), root)
                if (not suffixes or path.endswith(suffixes)) and not path.startswith(skip):
                    yield path


def text(path):
    with open(os.path.join(root, path), encoding='utf-8', errors='replace') as f:
        return f.read()


def scripts(program):
    """Files whose first line calls this program, and those named after it."""
    for path in files():
        if text(path)[:80].startswith('#!') and program in text(path).split('\n', 1)[0]:
            yield path


def code(path):
    """Lines of C, numbered from 1, comments and what is inside strings taken out."""
    def blank(match):
        kept = '\n' * match[0].count('\n')
        return '""' if match[0][0] == '"' else "' '" if match[0][0] == "'" else ' ' + kept
    return enumerate(TOKEN.sub(blank, text(path)).split('\n'), 1)


def table(name):
    """Rows of a table beside the lints, comments and empty lines left out."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, name), encoding='utf-8') as f:
        return [line.rstrip('\n') for line in f if line.strip() and not line.startswith('#')]


def report(problems, skip=None):
    name = os.path.basename(sys.argv[0])
    problems = list(problems)
    for problem in problems:
        print(f'# {problem}')
    print('not ok' if problems else 'ok', '1 -', name + (f' # SKIP {skip}' if skip else ''))
    print('1..1')
    sys.exit(1 if problems else 0)
