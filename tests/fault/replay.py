# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after a power cut, from a recorded sequence of calls (record.c).

The model is stricter than most file systems: bytes and sizes are durable once their file was
synced, names once their folder was, and until then each call may have arrived or not. Calls are
bound to files, not to names, so that a subset of them can be replayed.
"""
import os

PAGE = 4096


class Call:
    def __init__(self, op, path, a, b, data):
        self.op, self.path, self.a, self.b, self.data = op, path, a, b, data
        self.node = self.folder = self.name = self.to = self.to_name = None
        self.replaced = None

    def __str__(self):
        more = f' at {self.b}, {len(self.data)} bytes' if self.op == 'write' else f' {self.a}'
        return f'{self.op} {self.path}{more}'

    def is_data(self):
        return self.op in ('write', 'truncate', 'grow')

    def is_name(self):
        return self.op in ('create', 'mkdir', 'rename', 'exchange', 'link', 'unlink')


def read(path):
    with open(path, 'rb') as f:
        text = f.read()
    calls, at = [], 0
    while at < len(text):
        end = text.index(b'\n', at)
        op, name, a, b, n = text[at:end].decode().split('\t')
        at = end + 1 + int(n)
        calls.append(Call(op, name, a, int(b), text[end + 1:at]))
    return calls


class Disk:
    """Folders are dicts of names to numbers, files are bytearrays; number 0 is the root."""

    def __init__(self):
        self.nodes, self.modes = {0: {}}, {}

    def copy(self):
        other = Disk()
        other.nodes = {n: type(v)(v) for n, v in self.nodes.items()}
        other.modes = dict(self.modes)
        return other

    def add(self, value, mode):
        number = len(self.nodes)
        self.nodes[number], self.modes[number] = value, mode
        return number

    @classmethod
    def load(cls, tops):
        disk = cls()
        for top in tops:
            disk.nodes[0][top] = disk.take(top)
        return disk

    def take(self, path):
        if os.path.isdir(path):
            number = self.add({}, os.stat(path).st_mode & 0o7777)
            for name in sorted(os.listdir(path)):
                if name not in IGNORED:
                    self.nodes[number][name] = self.take(f'{path}/{name}')
            return number
        with open(path, 'rb') as f:
            return self.add(bytearray(f.read()), os.stat(path).st_mode & 0o7777)

    def find(self, path):
        """(folder, name) of a path; the folder is None when there is none."""
        for top, number in self.nodes[0].items():
            if path == top:
                return 0, top
            if path.startswith(top + '/'):
                *folders, name = path[len(top) + 1:].split('/')
                for folder in folders:
                    number = self.nodes[number].get(folder)
                    if not isinstance(self.nodes.get(number), dict):
                        return None, name
                return number, name
        return None, ''

    def files(self, number=0, path=''):
        """path -> bytes, mode; a folder has None."""
        for name, child in self.nodes[number].items():
            where = f'{path}/{name}' if path else name
            if isinstance(self.nodes[child], dict):
                yield where, None, self.modes[child]
                yield from self.files(child, where)
            else:
                yield where, bytes(self.nodes[child]), self.modes[child]

    # --- calls ---

    def bind(self, call):
        """Which files it is about; false: outside of what is kept."""
        folder, call.name = self.find(call.path)
        if folder is None or call.name in IGNORED:
            return False
        call.folder, call.node = folder, self.nodes[folder].get(call.name)
        if call.op in ('rename', 'exchange', 'link'):
            call.to, call.to_name = self.find(call.a)
            call.replaced = self.nodes[call.to].get(call.to_name) if call.to is not None else None
        if call.op in ('create', 'mkdir'):
            call.node = self.add({} if call.op == 'mkdir' else bytearray(), call.b)
        return call.node is not None or call.op == 'syncfs'

    def name_call(self, call):
        here = self.nodes[call.folder]
        if call.op in ('create', 'mkdir'):
            here[call.name] = call.node
        elif call.op == 'unlink':
            here.pop(call.name, None)
        elif call.op == 'exchange':
            here[call.name], self.nodes[call.to][call.to_name] = call.replaced, call.node
        elif call.to is not None:
            self.nodes[call.to][call.to_name] = call.node
            if call.op == 'rename' and here.get(call.name) == call.node:
                del here[call.name]

    def data_call(self, call):
        data = self.nodes[call.node]
        size = call.b + len(call.data) if call.op == 'write' else call.b
        if len(data) < size:
            data.extend(bytes(size - len(data)))
        if call.op == 'write':
            data[call.b:size] = call.data
        elif call.op == 'truncate':
            del data[size:]

    def apply(self, call):
        if call.is_name():
            self.name_call(call)
        elif call.is_data():
            self.data_call(call)


IGNORED = ('ballast', 'lock.mdb')


def bind(base, calls):
    """The calls that count, in order, bound to files of base, which gains the new ones (nameless).
    With each the number of its place in calls."""
    now, kept = base.copy(), []
    for at, call in enumerate(calls):
        if now.bind(call):
            now.apply(call)
            kept.append((at, call))
    for number, value in now.nodes.items():
        if number not in base.nodes:
            base.nodes[number], base.modes[number] = type(value)(), now.modes[number]
    return kept


def synced(calls):
    """Of each call, whether it is durable after all of them."""
    durable = [False] * len(calls)
    for k, call in enumerate(calls):
        if call.op == 'write' and call.a == 'sync':
            durable[k] = True
        if call.op not in ('sync', 'syncfs'):
            continue
        for i, before in enumerate(calls[:k]):
            there = before.to if before.op in ('rename', 'exchange', 'link') else before.folder
            if call.op == 'syncfs' or (before.is_data() and before.node == call.node) or \
                    (before.is_name() and there == call.node):
                durable[i] = True
    return durable


def build(base, calls):
    disk = base.copy()
    for call in calls:
        disk.apply(call)
    return disk


def torn(call):
    """A last write that arrived in part: its beginning, or its place with the rest still zero."""
    for size in (512, PAGE):
        if len(call.data) > size:
            yield f'torn at {size}', call.data[:size]
            yield f'torn at {size}, the rest zero', call.data[:size] + bytes(len(call.data) - size)
    if len(call.data) > 512:
        yield 'its first 512 bytes zero', bytes(512) + call.data[512:]


def states(base, calls):
    """(what, disk) for the power cut behind the last of the calls."""
    durable = synced(calls)
    surely = [call for call, is_durable in zip(calls, durable) if is_durable]
    yield 'all', build(base, calls)
    yield 'synced only', build(base, surely)
    for i, call in enumerate(calls):
        if not durable[i] and (call.is_data() or call.is_name()):
            chosen = [c for k, c in enumerate(calls) if durable[k] or k == i]
            yield f'synced and {call}', build(base, chosen)
    last = calls[-1] if calls else None
    if last is not None and last.op == 'write':
        for what, data in torn(last):
            part = Call('write', last.path, last.a, last.b, data)
            part.node = last.node
            yield f'all, {last} {what}', build(base, calls[:-1] + [part])
            yield f'synced, {last} {what}', build(base, [c for c in surely if c is not last] +
                                                  [part])
