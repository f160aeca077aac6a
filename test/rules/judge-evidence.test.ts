import fc from 'fast-check';
import { APP_CHANNELS } from '../../src/normalise/app-channels.rule';
import { isPlaceholder } from '../../src/normalise/is-placeholder.rule';
import { projectionsOf } from '../../src/audit/commit/projections.rule';
import { canonicalJson, type JsonObject } from '../../src/json/canonical.rule';
import { splitIdentity, valuesOf, weightOf } from '../../src/matching/evidence.rule';
import { weigh, type Weight } from '../../src/matching/judge-evidence.rule';

const email = (text: string): Weight => weigh({ kind: 'email', text, channel: null, appId: null });
const externalId = (text: string): Weight => weigh({ kind: 'external_id', text, channel: null, appId: null });
const phone = (text: string): Weight => weigh({ kind: 'phone', text, channel: null, appId: null });
const identity = (channel: string, text: string, appId: string | null = null): Weight =>
  weigh({ kind: 'identity', text, channel, appId });

/** Words that stand for no value, as people and systems write them. */
const noValues = fc
  .tuple(
    fc.constantFrom(
      '',
      'n/a',
      'na',
      'none',
      'null',
      'undefined',
      'unknown',
      'nil',
      'not available',
      '-',
      '?',
    ),
    fc.constantFrom(
      (text: string) => text,
      (text: string) => text.toUpperCase(),
    ),
    fc.constantFrom('', ' ', '\u00a0', '\u200b'),
    fc.constantFrom(['', ''], ['(', ')'], ['<', '>'], ['#', ''], ['"', '"'], ['', '.'], ['--', '--']),
  )
  .map(([word, inCase, blank, [open = '', close = '']]) => `${blank}${open}${inCase(word)}${close}${blank}`);

describe('a value that two contacts share', () => {
  it('is no evidence where it stands for no value, whatever it is of and however it is written', () => {
    fc.assert(
      fc.property(noValues, (text) => {
        expect(isPlaceholder(text)).toBe(true);
        expect([email(text), externalId(text), identity('TELEGRAM', text), identity('SMS', text)]).toEqual(
          Array.from({ length: 4 }, () => 'none'),
        );
      }),
    );
  });

  it.each([
    'test',
    'Test',
    '0',
    '000',
    '-',
    'x',
    'XXX',
    '00000000-0000-0000-0000-000000000000',
    '11111',
    'aaaaaa',
  ])('is no evidence where it only fills a field: %s', (text) => {
    expect([email(text), externalId(text), identity('TELEGRAM', text)]).toEqual(['none', 'none', 'none']);
  });

  it('is no evidence as an e-mail address without a name, one @ and a domain', () => {
    const texts = ['ann', 'ann@', '@example.com', 'ann@example', 'ann@@example.com', 'a b@example.com'];
    for (const text of [...texts, 'ann@example.', 'ann@.com', 'ann@site.invalid', 'ann@x.localhost'])
      expect([text, email(text)]).toEqual([text, 'none']);
    for (const text of ['ann@acme.org', 'kim.lee+news@mail.acme.co', 'Jörg@bücher.de'])
      expect([text, email(text)]).toEqual([text, 'strong']);
  });

  it('is no evidence as a number of one digit, or one that counts up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 5, max: 15 }), (digit, length) => {
        const text = String(digit).repeat(length);
        expect([phone(text), identity('SMS', text), identity('WHATSAPP', `+${text}`)]).toEqual([
          'none',
          'none',
          'none',
        ]);
      }),
    );
    expect([phone('491111111111'), phone('1234567890'), identity('SMS', '12')]).toEqual([
      'none',
      'none',
      'none',
    ]);
    expect([phone('14155338201'), identity('RCS', '+14155338201')]).toEqual(['strong', 'strong']);
  });

  it.each([
    'info',
    'INFO',
    'sales',
    'support',
    'no-reply',
    'noreply',
    'do.not.reply',
    'info+news',
    'info-de',
    'sales.team',
    'support2',
    'test',
    'none',
  ])('is for people to judge as the mailbox of a role: %s@acme.org', (name) => {
    expect(email(`${name}@acme.org`)).toBe('shared-mailbox');
  });

  it.each(['ann', 'kim.test', 'person1', 'na.kim', 'salesman', 'it.lee', 'emma.inf2'])(
    'may be relied on as the mailbox of a person: %s@acme.org',
    (name) => {
      expect(email(`${name}@acme.org`)).toBe('strong');
    },
  );

  it.each(['SMS', 'MMS', 'RCS', 'WHATSAPP'])('is for people to judge as a short code on %s', (channel) => {
    for (const text of ['123', '72345', '+72345', '723 451', '56161611', '561616112'])
      expect([text, identity(channel, text)]).toEqual([text, 'short-code']);
    expect(identity(channel, 'US.13491208655302741918')).toBe('strong');
  });

  it('is for people to judge where an identity belongs to an app that is not named', () => {
    for (const channel of APP_CHANNELS)
      expect([identity(channel, '7482913077251648'), identity(channel, '7482913077251648', 'app')]).toEqual([
        'app-unknown',
        'strong',
      ]);
    expect(identity('TELEGRAM', '48151623')).toBe('strong');
  });
});

describe('identities on channels that belong to an app', () => {
  const fieldsOf = (
    ...identities: readonly { channel: string; identity: string; app_id?: string }[]
  ): JsonObject => ({
    channel_identities: identities,
  });
  const digestsOf = (fields: JsonObject): ReadonlyMap<string, string> => {
    const { identityKeys } = projectionsOf({ id: 'A', fields, json: canonicalJson(fields) });
    const listed = fields['channel_identities'] as unknown as {
      channel: string;
      identity: string;
      app_id?: string;
    }[];
    const appIdentities = listed.map(({ channel, identity: text, app_id: appId }) => ({
      channel,
      identity: text,
      appId: appId ?? null,
    }));
    return new Map(
      valuesOf({ identityKeys, email: null, externalId: null, appIdentities }).map((value) => [
        value.digest,
        value.value,
      ]),
    );
  };

  it('are alike within one app, and meet without it where one contact names none', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...APP_CHANNELS),
        fc.constantFrom('7482913077251648', '4915201234056', 'a:b@c48151623', '9KC0p+pi4zPGFO99ACDxdQ=='),
        fc.constantFrom('app', 'app:1', 'app?', 'Ä/ö'),
        fc.constantFrom('other', '*', 'app 2'),
        (channel, text, app, other) => {
          const [one, same, apart, none] = [app, app, other, undefined].map((id) =>
            digestsOf(fieldsOf({ channel, identity: text, ...(id === undefined ? {} : { app_id: id }) })),
          );
          const shared = (
            a: ReadonlyMap<string, string> = new Map(),
            b: ReadonlyMap<string, string> = new Map(),
          ): string[] =>
            [...a].flatMap(([digest, value]) =>
              b.has(digest) ? [weightOf({ kind: 'identity', value })] : [],
            );
          expect(shared(one, same).sort()).toEqual(['app-unknown', 'strong']);
          expect(shared(one, apart)).toEqual(['app-unknown']);
          expect(shared(one, none)).toEqual(['app-unknown']);
          const named = [...(one ?? [])].map(([, value]) => splitIdentity(value));
          expect(named).toContainEqual({ channel, identity: text, appId: app });
        },
      ),
    );
  });
});
