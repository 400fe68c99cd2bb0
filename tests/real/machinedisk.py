# SPDX-License-Identifier: Apache-2.0
"""A disk with a volatile cache, as an NBD server for one qemu: machinedisk.py IMAGE SOCKET. A line
on stdin is the end of the power: of the writes since the last flush "all", "none" or "some" are
kept, these in any choice and torn at sectors, as a disk may. "some 4096": of that size, not 512.
"none" and "some" come in the middle of the next writes, if there are any in the next seconds.
"""
import os
import random
import selectors
import socket
import struct
import sys
import time

MAGIC, OPTION, REPLY = b'NBDMAGIC', b'IHAVEOPT', 0x3e889045565a9
REQUEST, ANSWER = 0x25609513, 0x67446698
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
FLAGS = 1 | 4  # has flags, flush; no FUA: a flush comes instead


WAIT_S = 3


class Gone(Exception):
    pass


class Disk:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR)
        self.size = os.fstat(self.fd).st_size
        self.since = []  # (offset, before, after) of each write since the last flush
        self.writes = self.flushes = 0

    def write(self, at, data):
        self.since.append((at, os.pread(self.fd, len(data), at), data))
        os.pwrite(self.fd, data, at)
        self.writes += 1

    def flush(self):
        self.since.clear()
        self.flushes += 1

    def fail(self, how, sector):
        """What is on the plates now."""
        kept = 0
        if how != 'all':
            for at, before, _ in reversed(self.since):
                os.pwrite(self.fd, before, at)
        for at, _, after in self.since if how == 'some' else ():
            fate = random.random()
            if fate < 0.4:
                continue
            for i in range(0, len(after), sector):
                if fate < 0.7 or random.random() < 0.5:
                    os.pwrite(self.fd, after[i:i + sector], at + i)
            kept += 1
        if how == 'all':
            kept = len(self.since)
        print(f'{self.writes} writes, {self.flushes} flushes, {len(self.since)} writes were not '
              f'flushed, {kept} of them kept ({how})', flush=True)


def take(s, n):
    data = bytearray()
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise Gone
        data += more
    return bytes(data)


def greet(s, disk):
    s.sendall(MAGIC + OPTION + struct.pack('>H', 3))
    no_zeroes = struct.unpack('>I', take(s, 4))[0] & 2
    while True:
        _, option, n = struct.unpack('>8sII', take(s, 16))
        take(s, n)
        if option == 1:  # by name, the old way
            s.sendall(struct.pack('>QH', disk.size, FLAGS) + (b'' if no_zeroes else bytes(124)))
            return
        if option in (6, 7):  # info, go
            info = struct.pack('>HQH', 0, disk.size, FLAGS)
            s.sendall(struct.pack('>QIII', REPLY, option, 3, len(info)) + info +
                      struct.pack('>QIII', REPLY, option, 1, 0))
            if option == 7:
                return
        else:
            s.sendall(struct.pack('>QIII', REPLY, option, 0x80000001, 0))


def serve(s, disk):
    magic, _, kind, handle, at, n = struct.unpack('>IHHQQI', take(s, 28))
    if magic != REQUEST or kind == DISCONNECT:
        raise Gone
    data, error = b'', 0
    if kind == WRITE:
        disk.write(at, take(s, n))
    elif kind == READ:
        data = os.pread(disk.fd, n, at)
    elif kind == FLUSH:
        disk.flush()
    else:
        error = 22
    s.sendall(struct.pack('>IIQ', ANSWER, error, handle) + data)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    disk, listener = Disk(sys.argv[1]), socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[2])
    listener.listen()
    print('ready', flush=True)
    wait = selectors.DefaultSelector()
    wait.register(listener, selectors.EVENT_READ)
    wait.register(sys.stdin, selectors.EVENT_READ)
    how, sector, wanted, until = '', 512, 0, 0
    while not how or (len(disk.since) < wanted and time.monotonic() < until):
        for key, _ in wait.select(0.1):
            s = key.fileobj
            if s is sys.stdin:
                wait.unregister(s)
                how, *more = (s.readline().strip() or 'all').split()
                sector, until = int(more[0]) if more else 512, time.monotonic() + WAIT_S
                wanted = 0 if how == 'all' else random.randint(1, 6)
                continue
            if how and len(disk.since) >= wanted:
                break
            try:
                if s is listener:
                    s, _ = listener.accept()
                    greet(s, disk)
                    wait.register(s, selectors.EVENT_READ)
                else:
                    serve(s, disk)
            except (Gone, OSError):
                if s is not listener:
                    try:
                        wait.unregister(s)
                    except KeyError:
                        pass
                    s.close()
    disk.fail(how, sector)


main()
