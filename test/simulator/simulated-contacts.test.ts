import fc from 'fast-check';
import { readTime } from '../../src/json/read-time.rule';
import { weigh } from '../../src/matching/judge-evidence.rule';
import { Clock, writeNanoseconds } from '../../simulator/clock.rule';
import { APP_CHANNELS, CHANNELS, channelsOf, type Contact, LANGUAGES } from '../../simulator/contact.rule';
import { ContactsStore } from '../../simulator/contacts-store.rule';
import { Dials } from '../../simulator/dials';
import { type Happening, writeCallback } from '../../simulator/happening.rule';
import { inventContact } from '../../simulator/invent-contact.rule';
import { Life } from '../../simulator/life.rule';
import { inventTwin, lookAlike, phoneOf } from '../../simulator/look-alike.rule';
import { mergeContacts } from '../../simulator/merge-contacts.rule';
import { pastTimes } from '../../simulator/past-times.rule';
import { Project } from '../../simulator/project.rule';
import { Random } from '../../simulator/random.rule';
import { readNewContact } from '../../simulator/read-contact.rule';
import { TokenBucket } from '../../simulator/token-bucket.rule';

const BEGIN = 1_718_460_000_123_456_789n;
const APP = '01EKA07N79THJ20ZSN6AS30TMW';

function text(...values: readonly string[]) {
  return fc.constantFrom('', ...values);
}

function contacts(id: string): fc.Arbitrary<Contact> {
  const channel = fc.constantFrom(...CHANNELS);
  return fc.record({
    id: fc.constant(id),
    channel_identities: fc.array(
      fc.record({ channel, identity: fc.constantFrom('1', '2', '3'), app_id: fc.constantFrom('', 'A', 'B') }),
      { maxLength: 5 },
    ),
    channel_priority: fc.uniqueArray(channel, { maxLength: 4 }),
    display_name: text('Ada', 'Grace'),
    email: text('ada@example.com', 'grace@example.com'),
    external_id: text('crm-1', 'crm-2'),
    metadata: text('{}', 'opaque'),
    language: fc.constantFrom('EN', 'SV'),
  });
}

describe('a merge', () => {
  const pairs: [fc.Arbitrary<Contact>, fc.Arbitrary<Contact>] = [contacts('D'), contacts('S')];

  it('moves identities only for channels that the destination lacks, and keeps all of its own first', () => {
    fc.assert(
      fc.property(...pairs, (destination, source) => {
        const merged = mergeContacts(destination, source);
        const own = channelsOf(destination.channel_identities);
        const moved = source.channel_identities.filter(({ channel }) => !own.includes(channel));
        expect(merged.channel_identities).toEqual([...destination.channel_identities, ...moved]);
      }),
    );
  });

  it('puts the channels that moved at the bottom of the priorities', () => {
    fc.assert(
      fc.property(...pairs, (destination, source) => {
        const merged = mergeContacts(destination, source);
        const own = channelsOf(destination.channel_identities);
        const moved = channelsOf(merged.channel_identities).filter((channel) => !own.includes(channel));
        const kept = destination.channel_priority.filter((channel) => own.includes(channel));
        expect(merged.channel_priority).toEqual([...kept, ...moved]);
      }),
    );
  });

  it('fills fields only where they are empty, and invents nothing', () => {
    fc.assert(
      fc.property(...pairs, (destination, source) => {
        const merged = mergeContacts(destination, source);
        expect([merged.id, merged.language]).toEqual([destination.id, destination.language]);
        for (const field of ['display_name', 'email', 'external_id', 'metadata'] as const)
          expect(merged[field]).toBe(destination[field] === '' ? source[field] : destination[field]);
      }),
    );
  });
});

/** What happens in a life, as its callbacks tell it. */
function lifeOf(
  seed: number,
  steps: number,
  populationMin = 20,
): { told: string[]; happened: Happening[]; project: Project } {
  const happened: Happening[] = [];
  const project = new Project(new Clock(() => BEGIN), new Random(seed + 1), (event) => happened.push(event));
  new Life(project, new Random(seed), APP, populationMin).live(steps);
  const envelope = { projectId: 'p', appId: '', eventTime: null };
  return { told: happened.map((happening) => writeCallback(happening, envelope)), happened, project };
}

describe('a life', () => {
  it('is the same for the same seed, and another for another', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
        const { told } = lifeOf(seed, 100);
        expect(lifeOf(seed, 100).told).toEqual(told);
        expect(lifeOf(seed + 7, 100).told).not.toEqual(told);
      }),
      { numRuns: 10 },
    );
  });

  it('has strictly rising times, no event of a contact after its end, and the final state that its events describe', () => {
    const { happened, project } = lifeOf(4, 2_000);
    const known = new Map<string, Contact>();
    for (const [n, happening] of happened.entries()) {
      expect(happening.acceptedAt).toBe(BEGIN + BigInt(n));
      switch (happening.trigger) {
        case 'CONTACT_CREATE':
          expect(known.has(happening.contact.id)).toBe(false);
          known.set(happening.contact.id, happening.contact);
          break;
        case 'CONTACT_UPDATE':
          expect(known.has(happening.contact.id)).toBe(true);
          known.set(happening.contact.id, happening.contact);
          break;
        case 'CONTACT_DELETE':
          expect(known.get(happening.contact.id)).toEqual(happening.contact);
          known.delete(happening.contact.id);
          break;
        case 'CONTACT_MERGE':
          expect(known.get(happening.deleted.id)).toEqual(happening.deleted);
          known.delete(happening.deleted.id);
          known.set(happening.preserved.id, happening.preserved);
          break;
        case 'CONTACT_IDENTITIES_DUPLICATION':
          for (const { contact_ids } of happening.entries) {
            expect(contact_ids.length).toBeGreaterThan(1);
            expect(contact_ids.filter((id) => !known.has(id))).toEqual([]);
          }
      }
    }
    expect(new Set(happened.map(({ trigger }) => trigger)).size).toBe(5);
    expect([...known.values()]).toEqual(project.contacts.all());
  });

  it('has contacts as Sinch would take them', () => {
    const random = new Random(9);
    const channels = new Set<string>();
    for (let n = 0; n < 500; n++) {
      const contact = inventContact(random, APP);
      expect(readNewContact(contact)).toEqual(contact);
      expect(LANGUAGES).toContain(contact.language);
      for (const { channel, app_id } of contact.channel_identities) {
        channels.add(channel);
        expect(app_id).toBe(APP_CHANNELS.has(channel) ? APP : '');
      }
    }
    expect([...channels].sort()).toEqual([...CHANNELS].sort());
  });
});

describe('people', () => {
  it('are merged only where two contacts look like one person', () => {
    const { happened } = lifeOf(6, 3_000, 100);
    const known = new Map<string, Contact>();
    let merges = 0;
    for (const happening of happened) {
      if (happening.trigger === 'CONTACT_CREATE' || happening.trigger === 'CONTACT_UPDATE')
        known.set(happening.contact.id, happening.contact);
      if (happening.trigger !== 'CONTACT_MERGE') continue;
      const before = known.get(happening.preserved.id);
      if (before === undefined) throw new Error('The survivor was not created.');
      expect(lookAlike(before, happening.deleted)).toBe(true);
      known.set(happening.preserved.id, happening.preserved);
      merges += 1;
    }
    expect(merges).toBeGreaterThan(100);
  });

  it('have twins that share a number or an address, and look like them', () => {
    const random = new Random(11);
    for (let n = 0; n < 500; n++) {
      const contact = inventContact(random, APP);
      const twin = inventTwin(random, APP, contact);
      expect(lookAlike(contact, twin)).toBe(true);
      expect(
        phoneOf(twin) === phoneOf(contact) || (contact.email !== '' && twin.email === contact.email),
      ).toBe(true);
    }
  });

  it('have addresses and numbers that a rule may rely on', () => {
    const random = new Random(11);
    for (let n = 0; n < 500; n++) {
      const contact = inventContact(random, APP);
      const phone = phoneOf(contact) ?? '';
      expect([phone, weigh({ kind: 'phone', text: phone, channel: null, appId: null })]).toEqual([
        phone,
        'strong',
      ]);
      if (contact.email === '' || contact.display_name === 'Unknown') continue;
      const { email } = contact;
      expect([email, weigh({ kind: 'email', text: email, channel: null, appId: null })]).toEqual([
        email,
        'strong',
      ]);
    }
  });

  it('come in the past as a business that grows has them: in order, more at the end, fewer at weekends', () => {
    const times = pastTimes(new Random(1), 9_000, 90, BEGIN);
    expect(times.every((time, n) => time <= (times[n + 1] ?? BEGIN))).toBe(true);
    const days = times.map((time) => Number((BEGIN - time) / 86_400_000_000_000n));
    expect([Math.min(...days), Math.max(...days)]).toEqual([0, 89]);
    const old = days.filter((day) => day >= 45).length;
    expect(old).toBeGreaterThan(3_000);
    expect(old).toBeLessThan(4_200);
    const weekends = times.filter((time) => [0, 6].includes(new Date(Number(time / 1_000_000n)).getUTCDay()));
    expect(weekends.length).toBeLessThan(0.2 * times.length);
  });
});

describe('the pages of contacts', () => {
  it('bring each contact that stays exactly once, whatever comes and goes meanwhile', () => {
    const change = fc.record({
      kind: fc.constantFrom('add', 'remove', 'replace'),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 12 }),
        (count, size, meanwhile) => {
          const store = new ContactsStore();
          const random = new Random(count);
          let made = 0;
          const add = (): void => {
            store.add({ id: `C${++made}`, ...inventContact(random, APP) });
          };
          for (let n = 0; n < count; n++) add();
          const stay = new Set(store.all().map(({ id }) => id));
          const seen: string[] = [];
          let after: number | null = 0;
          for (let n = 0; after !== null; n++) {
            const page = store.page(after, size);
            seen.push(...page.contacts.map(({ id }) => id));
            after = page.next;
            for (const { kind, at } of meanwhile[n] ?? []) {
              const contact = store.near(at);
              if (kind === 'add' || contact === null) add();
              else if (kind === 'replace') store.replace({ ...contact, external_id: 'changed' });
              else {
                stay.delete(contact.id);
                store.remove(contact.id);
              }
            }
          }
          expect(new Set(seen).size).toBe(seen.length);
          expect([...stay].filter((id) => !seen.includes(id))).toEqual([]);
        },
      ),
    );
  });

  it('find by external id and identity what a look through all finds, and list the numbers that are shared', () => {
    const { project } = lifeOf(5, 500, 300);
    const { contacts: store } = project;
    const all = store.all();
    const externalId = all.find(({ external_id }) => external_id !== '')?.external_id ?? '';
    expect(store.pageByExternalId(externalId, 0, 20).contacts).toEqual(
      all.filter(({ external_id }) => external_id === externalId),
    );
    const shared = store.sharedIdentities();
    expect(shared.length).toBeGreaterThan(3);
    for (const { channel, identity } of shared) {
      expect(store.pageByIdentity(channel, identity, 0, 20).contacts).toEqual(
        all.filter(({ channel_identities }) =>
          channel_identities.some((held) => held.channel === channel && held.identity === identity),
        ),
      );
    }
    const first = store.conflicts('', 2);
    const rest = store.conflicts(first.conflicts.at(-1)?.identity ?? '', 1_000);
    const conflicts = [...first.conflicts, ...rest.conflicts];
    expect([first.isLast, rest.isLast]).toEqual([false, true]);
    expect(conflicts.map(({ identity }) => identity)).toEqual(
      [...new Set(conflicts.map(({ identity }) => identity))].sort(),
    );
    for (const { identity, channels, contact_ids } of conflicts) {
      const holders = all.filter(({ channel_identities }) =>
        channel_identities.some((held) => held.identity === identity && channels.includes(held.channel)),
      );
      expect(contact_ids).toEqual(holders.map(({ id }) => id));
    }
  });
});

describe('the simulator', () => {
  it('writes times to the nanosecond, as the mirror reads them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 9_000_000_000_000_000_000n }), (time) => {
        expect(writeNanoseconds(time)).toMatch(/\.\d{9}Z$/);
        expect(readTime(writeNanoseconds(time))).toBe(time);
      }),
    );
  });

  it('lets as many pass as the bucket holds, and then as many a second as drip in', () => {
    const bucket = new TokenBucket(30, 10, 0);
    const pass = (nowMs: number) =>
      Array.from({ length: 40 }, () => bucket.take(nowMs)).filter(Boolean).length;
    expect([pass(0), pass(0), pass(500), pass(60_000)]).toEqual([30, 0, 5, 30]);
  });

  it('refuses a dial that has no such setting, and then turns none', () => {
    const dials = new Dials();
    expect(() => {
      dials.set({ repeats: 0.5, loss: 1.1 });
    }).toThrow(/loss/);
    expect(() => {
      dials.set({ delayMs: -1 });
    }).toThrow(/delayMs/);
    expect(dials.now.repeats).toBe(0);
  });
});
