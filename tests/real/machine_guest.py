# SPDX-License-Identifier: Apache-2.0
"""Inside of the machine. `machine_guest.py work SEED` changes a registry of two people below the
folder of the disk, and says what it begins ("try") and what was acknowledged ("ack"), a line each,
until the power fails. `machine_guest.py believe` reads those lines: what was acknowledged is there,
`check` is clean, interrupted jobs end, what is served is what the stage holds; it prints how
things stand then. Both want BIN and ROOT behind the word; `make` begins.
"""
import collections
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faultsite  # noqa: E402
from faultsite import MODEL, Lost, expect  # noqa: E402


class Disk(faultsite.Site):
    def __init__(self, bin_dir, root):
        super().__init__(bin_dir, root=root, registry=f'{root}/registry')
        self.ben = {'XDG_CONFIG_HOME': f'{root}/ben/config', 'XDG_STATE_HOME': f'{root}/ben/state',
                    'USER': 'ben'}
        self.env['USER'] = 'ana'

    def make_two(self):
        self.must('init', '--policy', 'team', '--no-passphrase')
        for stage in ('staging', 'production'):
            self.must('target', 'add', stage, '--driver', 'directory', '--path',
                      self.target(stage), '--stage', stage, '--yes')
        self.must('key', 'new', 'ben', '--no-passphrase', **self.ben)
        self.must('key', 'export', '--to', f'{self.root}/ben.pub', **self.ben)
        self.must('policy', 'add', 'ben', f'{self.root}/ben.pub', '--role', 'approver', '--yes')
        self.must('import', self.model('first', 1000), '--as', MODEL)
        os.sync()

    def facts(self):
        """All that can be acknowledged, by name."""
        found = {}
        for n, (digest, labels) in self.versions().items():
            found[f'version {n}'] = digest
            found[f'label {n}'] = labels.get('n', '')
        for stage, n in self.stages().items():
            found[f'stage {stage}'] = n
        return found

    def approvers(self, plan):
        return ' '.join(a['person'] for a in self.json('plan', 'show', plan)['approvals'])


class Worker:
    def __init__(self, site, seed):
        self.site, self.rng = site, random.Random(seed)
        self.now, self.count = site.facts(), seed * 1000

    @staticmethod
    def say(kind, **facts):
        os.write(1, (json.dumps({kind: facts}) + '\n').encode())

    def numbers(self):
        return sorted(int(k.split()[1]) for k in self.now if k.startswith('version'))

    def step(self, verb, words, facts, status=(0,), **env):
        """What is tried, the command, and what it has acknowledged."""
        self.say('try', verb=verb, facts=facts)
        done = self.site.run(*words, **env)
        expect(done.returncode in status, f'{" ".join(words)}: exit {done.returncode} '
               f'{done.stdout}{done.stderr}')
        return done

    def acked(self, verb, facts):
        self.now.update(facts)
        self.say('ack', verb=verb, facts=facts)

    def bring(self):
        sizes = [self.rng.choice((1, 5000, 90000, 400000)) for _ in range(self.rng.randint(1, 4))]
        number = max(self.numbers()) + 1
        path = self.site.model('next', *sizes)
        out = self.step('import', ('import', path, '--as', MODEL, '-o', 'json'),
                        {f'version {number}': None, f'label {number}': ''})
        digest = json.loads(out.stdout)['digest']
        self.acked('import', {f'version {number}': digest, f'label {number}': ''})

    def label(self):
        fact = {f'label {self.rng.choice(self.numbers())}': f'x{self.count}'}
        name, value = next(iter(fact.items()))
        self.step('label', ('label', f'{MODEL}@v{name.split()[1]}', f'n={value}'), fact)
        self.acked('label', fact)

    def promote(self):
        held = self.now['stage staging']
        number = self.rng.choice([n for n in self.numbers() if n != held] or [None])
        if number is None:
            return
        fact = {'stage staging': number}
        self.step('promote', ('promote', f'{MODEL}@v{number}', '--to', 'staging', '--yes'), fact)
        self.acked('promote', fact)

    def approve(self):
        held = self.now['stage staging']
        if held is None or held == self.now['stage production']:
            return
        fact, yes = {'stage production': held}, ('--yes', '--confirm', MODEL)
        done = self.step('plan', ('promote', f'{MODEL}@v{held}', '--to', 'production', *yes, '-q',
                                  '-o', 'name'), fact, status=(0, 13))
        if done.returncode == 0:  # approved before the power failed, or not applied then
            self.acked('promote', fact)
            return
        plan = done.stdout.strip()
        self.acked('plan', {})
        self.step('approve', ('approve', plan), {f'approved {plan}': 'ben'}, **self.site.ben)
        self.acked('approve', {f'approved {plan}': 'ben'})
        if self.rng.random() < 0.7:
            self.step('apply', ('apply', plan, *yes), fact)
            self.acked('apply', fact)

    def rollback(self):
        if self.now['stage production'] is None:
            return
        yes = ('--yes', '--confirm', MODEL)
        self.step('rollback', ('rollback', MODEL, '--stage', 'production', *yes),
                  {'stage production': 'any'})
        self.acked('rollback', {'stage production': self.site.stages()['production']})

    def gc(self):
        path = self.site.model('orphan', 40000)
        self.step('import', ('import', path, '--as', 'orphans'), {})
        self.step('delete', ('delete', 'orphans@latest', '--yes', '--confirm', 'orphans'), {})
        self.step('gc', ('gc', '--grace', '0s'), {})
        self.acked('gc', {})

    def run(self):
        verbs = (self.bring, self.label, self.label, self.promote, self.approve, self.rollback,
                 self.gc)
        while True:
            self.count += 1
            self.rng.choice(verbs)()


class Believer:
    def __init__(self, site, lines):
        self.site, self.expected, self.pending, self.figures = site, {}, {}, collections.Counter()
        self.state = None
        for line in lines:
            for kind, said in json.loads(line).items():
                if kind == 'state':
                    self.expected, self.pending = said, {}
                elif kind == 'try':
                    self.pending = said['facts']
                elif kind == 'ack':
                    self.expected.update(said['facts'])
                    self.pending = {}
                    self.figures['acknowledged'] += 1

    def compare(self):
        now = self.site.facts()
        for name, value in self.expected.items():
            if name.startswith('approved '):
                got = self.site.approvers(name.split()[1])
            else:
                got = now.get(name)
            expect(got == value or name in self.pending and
                   self.pending[name] in (got, 'any', None),
                   f'{name} was acknowledged as {value}, and is {got}; last: {self.pending}')
        extra = set(now) - set(self.expected) - set(self.pending)
        expect(not extra, f'from nowhere: {sorted(extra)}')
        return now

    def clean(self, when):
        """Clean, or clean once a writer has cut what was torn."""
        check = self.site.check()
        if check.returncode == 0:
            self.figures['clean at once'] += when == 'first'
            return
        expect(when == 'first', f'check {when}: {check.stdout}{check.stderr}')
        done = self.site.run('note', MODEL, 'after the power came back')
        again = self.site.check()
        expect(done.returncode == 0 and again.returncode == 0,
               f'check: {check.stdout}{check.stderr}{done.stderr}{again.stdout}')
        self.figures['clean after the next change'] += 1

    def jobs(self):
        for job in self.site.open_jobs():
            how = random.choice(('resume', 'abort'))
            done = self.site.run('job', how, job, '--yes', '--confirm', MODEL)
            self.site.settle()
            expect(job not in self.site.open_jobs(), f'job {how} {job}: exit {done.returncode} '
                   f'{done.stdout}{done.stderr}')
            self.figures[f'job {how}'] += 1

    def rebuild(self):
        words = (('list', MODEL, '-o', 'json'), ('history', MODEL, '-o', 'json'))
        before = [self.site.must(*w).stdout for w in words]
        self.site.must('rebuild')
        after = [self.site.must(*w).stdout for w in words]
        expect(before == after, f'rebuild gives something else: {before} {after}')
        self.clean('after rebuild')
        self.figures['rebuilt, and equal'] += 1

    def believe(self):
        self.clean('first')
        self.compare()
        self.jobs()
        now = self.compare()
        for stage in ('staging', 'production'):
            served = self.site.served(stage)
            expect(served == now[f'stage {stage}'],
                   f'{stage} holds {now[f"stage {stage}"]}, its folder serves {served}')
        verified = self.site.run('verify', '--all')
        expect(verified.returncode == 0, f'verify: {verified.stdout}{verified.stderr}')
        if random.random() < 0.4:
            self.rebuild()
        print(json.dumps({'state': now}))
        print(json.dumps({'figures': self.figures}))


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    word, bin_dir, root = sys.argv[1:4]
    site = Disk(bin_dir, root)
    try:
        if word == 'make':
            site.make_two()
            print(json.dumps({'state': site.facts()}))
        elif word == 'work':
            Worker(site, int(sys.argv[4])).run()
        else:
            Believer(site, sys.stdin.read().splitlines()).believe()
    except (Lost, RuntimeError) as why:
        print(json.dumps({'lost': str(why)}), flush=True)
        sys.exit(1)


main()
