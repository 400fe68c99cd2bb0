# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own: when its first screen was whole, how many bytes that took,
what a key and a second of idleness send, and its peak memory."""
import fcntl
import os
import select
import signal
import struct
import termios
import time

QUIET_S = 0.12  # no byte for so long: the screen is whole


class Terminal:
    def __init__(self, argv, columns=80, rows=24, env=None):
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        name = os.ttyname(slave)
        env = dict(env or os.environ, TERM='xterm-256color', LC_ALL='C.UTF-8')
        for size in ('LINES', 'COLUMNS'):
            env.pop(size, None)
        actions = [(os.POSIX_SPAWN_OPEN, 0, name, os.O_RDWR, 0),
                   (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
        self.began = time.perf_counter()
        self.pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions, setsid=True)
        os.close(slave)

    def read(self, quiet=QUIET_S, first=2.0):
        """Bytes until nothing came for so long: (bytes, seconds from start to the last of them)."""
        got, last, wait = b'', None, first
        while select.select([self.master], [], [], wait)[0]:
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                break
            if not data:
                break
            last, wait = time.perf_counter(), quiet
            got += data
            self.answer(data)
        return got, (last or time.perf_counter()) - self.began

    def answer(self, data):
        """As a terminal would, so that nobody waits for it."""
        for question, answer in ((b'\x1b[c', b'\x1b[?62;22c'), (b'\x1b[?2026$p', b'\x1b[?2026;2$y'),
                                 (b'\x1b[5n', b'\x1b[0n')):
            if question in data:
                os.write(self.master, answer)

    def first_byte(self, limit=2.0):
        """When something came, which stays unread; None: nothing did."""
        return time.perf_counter() if select.select([self.master], [], [], limit)[0] else None

    def key(self, keys):
        os.write(self.master, keys)
        return len(self.read(quiet=0.06, first=0.3)[0])

    def idle(self, seconds=1.0):
        """Bytes in this time, of who is never quiet too."""
        got, end = 0, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            got += len(self.read(quiet=0, first=left)[0])
        return got

    def peak_kib(self):
        """Not wait4's: that begins with the memory of this interpreter."""
        with open(f'/proc/{self.pid}/status', encoding='ascii') as f:
            return next(int(line.split()[1]) for line in f if line.startswith('VmHWM'))

    def close(self):
        """The terminal goes away, which is the end of all on it, strace's child too."""
        os.close(self.master)
        for _ in range(100):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.01)
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def first_screens(programs, rounds, **how):
    """Rounds of each program in turn: name -> list of (seconds, bytes, peak KiB)."""
    found = {name: [] for name in programs}
    for _ in range(rounds):
        for name, argv in programs.items():
            t = Terminal(argv, **how)
            data, seconds = t.read()
            found[name].append((seconds, len(data), t.peak_kib()))
            t.close()
    return found


def writes(argv, trace, keys=(), **how):
    """Write calls on the terminal until the first pause, and those that keys bring."""
    t = Terminal(['strace', '-y', '-qq', '-o', trace, '-e', 'trace=write,writev', *argv], **how)
    t.read(quiet=0.5)
    for key in keys:
        t.key(key)
    t.close()
    with open(trace, encoding='utf-8', errors='replace') as f:
        # the last tries to give back a terminal that is gone
        return sum('/dev/pts/' in line.split(',', 1)[0] and ' = -1 ' not in line for line in f)
