import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createHmac } from 'node:crypto';
import { contact, sign } from '../support/sinch/callbacks';
import { App, SECRET, at, expectProblem } from '../support/http/app';

interface Vector {
  readonly name: string;
  readonly secret: string;
  readonly nonce: string;
  readonly timestamp: string;
  readonly algorithm: string;
  readonly signature: string;
  readonly body: string;
}
interface Negative {
  readonly name: string;
  readonly base: string;
  readonly change: {
    readonly secret?: string;
    readonly body?: string;
    readonly headers?: object;
    readonly algorithm?: string | null;
  };
}
const { vectors, negative } = JSON.parse(
  readFileSync(path.join(__dirname, '../fixtures/sinch/signature-vectors.json'), 'utf8'),
) as { readonly vectors: readonly Vector[]; readonly negative: readonly Negative[] };

let app: App;
beforeAll(async () => {
  const published = vectors.map(({ secret }) => secret);
  app = await App.start({ config: { webhookSecrets: [SECRET, ...published] } });
});
afterAll(() => app.stop());

const headersOf = (vector: Vector): Record<string, string> => ({
  'content-type': 'application/json',
  'x-sinch-webhook-signature': vector.signature,
  'x-sinch-webhook-signature-algorithm': vector.algorithm,
  'x-sinch-webhook-signature-nonce': vector.nonce,
  'x-sinch-webhook-signature-timestamp': vector.timestamp,
});

/** Every change that the negative vectors make to the one they are based on. */
const CHANGED_BODIES: Readonly<Record<string, (body: string) => string>> = {
  'JSON.stringify(JSON.parse(body))': (body) => JSON.stringify(JSON.parse(body)),
  'body.trimEnd()': (body) => body.trimEnd(),
};

function vectorCalled(wanted: string): Vector {
  const found = vectors.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`There is no vector ${wanted}.`);
  return found;
}

describe('A published signature', () => {
  it.each(vectors)('is taken for right, if stale, and its delivery is kept: $name', async (vector) => {
    const answer = await app.deliver(vector.body, headersOf(vector));
    expect([answer.status, answer.json()]).toEqual([202, { result: 'quarantined' }]);
    const [kept] = await app.sql<{ reason: string; body: Buffer }>(
      `select reason, body from quarantined_delivery where signature ->> 'nonce' = $1 and signature ->> 'timestamp' = $2
       order by id desc limit 1`,
      [vector.nonce, vector.timestamp],
    );
    expect([kept?.reason, kept?.body.toString()]).toEqual(['stale-timestamp', vector.body]);
  });

  const isOfAlgorithm = ({ change }: Negative): boolean => change.algorithm !== undefined;

  it.each(negative.filter(isOfAlgorithm))(
    'is taken whatever the algorithm header says: $name',
    async ({ base, change: { algorithm } }) => {
      const vector = vectorCalled(base);
      const headers = headersOf(vector);
      if (algorithm === null) delete headers['x-sinch-webhook-signature-algorithm'];
      else headers['x-sinch-webhook-signature-algorithm'] = algorithm ?? '';
      expect((await app.deliver(vector.body, headers)).status).toBe(202);
    },
  );

  it.each(negative.filter((each) => !isOfAlgorithm(each)))(
    'is refused when it is changed: $name',
    async ({ base, change }) => {
      const vector = vectorCalled(base);
      const spoil = CHANGED_BODIES[change.body ?? ''];
      const body = spoil === undefined ? vector.body : spoil(vector.body);
      const headers = change.headers === undefined ? headersOf(vector) : {};
      if (change.secret !== undefined) {
        Object.assign(headers, sign(body, change.secret, vector));
      }
      expect(body !== vector.body || Object.keys(change).some((key) => key !== 'body')).toBe(true);
      expectProblem(await app.deliver(body, headers), 401, 'invalid-signature');
    },
  );
});

describe('A delivery is refused with 401 and leaves no trace', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const NAMES = {
    signature: 'x-sinch-webhook-signature',
    algorithm: 'x-sinch-webhook-signature-algorithm',
    nonce: 'x-sinch-webhook-signature-nonce',
    timestamp: 'x-sinch-webhook-signature-timestamp',
  } as const;
  type Name = keyof typeof NAMES;

  /** A signed callback of which the signature has a `+` and a `/`, so that every spelling of it differs. */
  const { body, headers } = ((): { body: Buffer; headers: Record<string, string> } => {
    for (let n = 0; ; n++) {
      const candidate = Buffer.from(
        JSON.stringify({
          project_id: 'refused',
          accepted_time: '2024-06-15T14:00:00Z',
          contact_create_notification: { contact: contact(`A${n}`) },
        }),
      );
      const signed = sign(candidate, SECRET);
      const signature = signed[NAMES.signature] ?? '';
      if (signature.includes('+') && signature.includes('/')) return { body: candidate, headers: signed };
    }
  })();
  const value = (name: Name): string => headers[NAMES[name]] ?? '';
  const right = value('signature');
  const twin = `${right.slice(0, 42)}${ALPHABET.charAt(ALPHABET.indexOf(right.charAt(42)) + 1)}=`;
  const digest = (algorithm: string, secret: string | Buffer, content: string): Buffer =>
    createHmac(algorithm, secret).update(content).digest();
  const signedText = `${body.toString()}.${value('nonce')}.${value('timestamp')}`;

  /** The header lines of the right delivery with some of them replaced; a null leaves its line out. */
  const lines = (change: Partial<Record<Name, string | readonly string[] | null>>): string[] =>
    (Object.keys(NAMES) as Name[]).flatMap((name) => {
      const changed = change[name];
      if (changed === null) return [];
      return [changed ?? value(name)].flat().map((each) => `${NAMES[name]}: ${each}`);
    });

  const every = (
    what: string,
    spoil: (name: Name) => string | readonly string[] | null,
  ): [string, string[]][] =>
    (['signature', 'nonce', 'timestamp'] as const).map((name) => [
      `${what}: ${name}`,
      lines({ [name]: spoil(name) }),
    ]);

  it.each<[string, string[]]>([
    ['no header at all', []],
    ...every('a missing header', () => null),
    ...every('an empty header', () => ''),
    ...every('a header of white space', () => ' \t '),
    ...every('a repeated header', (name) => [value(name), value(name)]),
    ...every('a second, empty header', (name) => [value(name), '']),
    ...every('a header in quotes', (name) => `"${value(name)}"`),
    ...every('a header of 10,000 characters', () => 'a'.repeat(10_000)),
    ...every('a header of other bytes', () => '\u00ff\u00fe\u0080'),
    ...(
      [
        ['of which the base64 has a twin that decodes alike', twin],
        ['that is not padded', right.slice(0, 43)],
        ['that is padded more', `${right}=`],
        ['that is url-safe', right.replaceAll('+', '-').replaceAll('/', '_')],
        ['in lower case', right.toLowerCase()],
        ['in hex', Buffer.from(right, 'base64').toString('hex')],
        ['that is cut to 20 bytes', Buffer.from(right, 'base64').subarray(0, 20).toString('base64')],
        ['with more behind it', `${right}AAAA`],
        ['with a scheme before it', `HmacSHA256 ${right}`],
        ['of one bit less', `${right.startsWith('A') ? 'B' : 'A'}${right.slice(1)}`],
        ['in percent-encoding', encodeURIComponent(right)],
        ['with white space within', `${right.slice(0, 20)} ${right.slice(20)}`],
        ['by SHA-512', digest('sha512', SECRET, signedText).toString('base64')],
        ['by SHA-1', digest('sha1', SECRET, signedText).toString('base64')],
        [
          'with the secret decoded from base64',
          digest('sha256', Buffer.from(SECRET, 'base64'), signedText).toString('base64'),
        ],
        ['with an empty secret', digest('sha256', '', signedText).toString('base64')],
        ['with the secret and a line break', digest('sha256', `${SECRET}\n`, signedText).toString('base64')],
        ['over the body alone', digest('sha256', SECRET, body.toString()).toString('base64')],
        [
          'over the text undefined',
          digest('sha256', SECRET, `${body.toString()}.undefined.undefined`).toString('base64'),
        ],
      ] as const
    ).map(([what, signature]): [string, string[]] => [`a signature ${what}`, lines({ signature })]),
    [
      'a signature over the text undefined, without nonce and timestamp',
      lines({
        nonce: null,
        timestamp: null,
        signature: digest('sha256', SECRET, `${body.toString()}.undefined.undefined`).toString('base64'),
      }),
    ],
    [
      'a signature over empty nonce and timestamp',
      lines({
        nonce: '',
        timestamp: '',
        signature: digest('sha256', SECRET, `${body.toString()}..`).toString('base64'),
      }),
    ],
    [
      'the dot moved from one header to the other',
      lines({ nonce: `${value('nonce')}.1`, timestamp: value('timestamp').slice(1) }),
    ],
  ])('for %s', async (_what, headerLines) => {
    const answer = await app.deliverRaw(body, headerLines);
    expect([answer.status, answer.text]).toEqual([
      401,
      expect.stringContaining('"code":"invalid-signature"'),
    ]);
    expect(answer.text).not.toMatch(/stack|\.ts|node_modules/);
  });

  it('for every secret but the configured one, and for a body with one changed byte', async () => {
    for (const secret of ['', SECRET.slice(1), `${SECRET} `, SECRET.toUpperCase(), 'x'.repeat(5_000)]) {
      expectProblem(await app.deliver(body, sign(body, secret)), 401, 'invalid-signature');
    }
    for (const place of [0, 20, body.length - 1]) {
      const spoilt = Buffer.from(body);
      spoilt.writeUInt8(spoilt.readUInt8(place) ^ 1, place);
      expectProblem(await app.deliver(spoilt, headers), 401, 'invalid-signature');
    }
    expectProblem(await app.deliver(body.subarray(0, -1), headers), 401, 'invalid-signature');
    expectProblem(
      await app.deliver(Buffer.concat([body, Buffer.from('\n')]), headers),
      401,
      'invalid-signature',
    );
    expectProblem(await app.deliver('', headers), 401, 'invalid-signature');
  });

  it('before the body is looked at', async () => {
    for (const nonsense of ['', '{', 'a=b', '['.repeat(100_000)]) {
      expectProblem(await app.deliver(nonsense, {}), 401, 'invalid-signature');
    }
  });

  // the last of these tests, so that it speaks for all
  it('so that neither journal nor map nor quarantine knows of any', async () => {
    expect(
      await app.sql(
        `select (select count(*)::int from audit_event) as events, (select count(*)::int from contact) as contacts,
                (select count(*)::int from quarantined_delivery where reason <> 'stale-timestamp') as quarantined`,
      ),
    ).toEqual([{ events: 0, contacts: 0, quarantined: 0 }]);
    const accepted = await app.deliverRaw(body, lines({}));
    expect([accepted.status, accepted.text]).toEqual([200, expect.stringContaining('"committed"')]);
  });
});

describe('The algorithm header', () => {
  const ALGORITHM = 'x-sinch-webhook-signature-algorithm';
  const signed = (): { body: Buffer; headers: Record<string, string> } => {
    const body = app.project().callback({ create: contact('A') }, at(0));
    return { body, headers: sign(body, SECRET) };
  };

  it.each(['hmacsha256', 'HMAC-SHA256', 'HmacSHA512', 'none', ''])(
    'does not matter where the signature is right: %j',
    async (algorithm) => {
      const { body, headers } = signed();
      const answer = await app.deliver(body, { ...headers, [ALGORITHM]: algorithm });
      expect([answer.status, answer.json()]).toEqual([200, { result: 'committed' }]);
    },
  );

  it('has a delivery sent again whose signature may be of an algorithm that is not known here', async () => {
    const { body, headers } = signed();
    const signature = createHmac('sha512', SECRET).update(body).digest('base64');
    const answer = await app.deliver(body, {
      ...headers,
      'x-sinch-webhook-signature': signature,
      [ALGORITHM]: 'HmacSHA512',
    });
    expect(expectProblem(answer, 503, 'unavailable').detail).toContain('HmacSHA512');
    expect(answer.headers['retry-after']).toBe('1');
    const { text } = await app.get('/metrics');
    expect(text).toContain('mirror_deliveries_refused_total{reason="unknown-algorithm"} 1');
  });
});

describe('A delivery that was captured and split at a dot of its body', () => {
  it('does not take the place of the genuine one in quarantine', async () => {
    const project = app.project();
    const body = project.callback({ create: contact('A', { email: 'ann@mail.example.com' }) }, at(0));
    const timestamp = String(Math.floor(Date.now() / 1000) - 400_000);
    const headers = sign(body, SECRET, { timestamp });
    const nonce = headers['x-sinch-webhook-signature-nonce'] ?? '';
    const parts = `${body.toString()}.${nonce}.${timestamp}`.split('.');
    for (let first = 1; first <= parts.length - 2; first++) {
      const other = parts.slice(0, first).join('.');
      const answer = await app.deliver(other, {
        ...headers,
        'x-sinch-webhook-signature-nonce': parts.slice(first, -1).join('.'),
      });
      expect([answer.status, answer.json()]).toEqual([202, { result: 'quarantined' }]);
    }
    const kept = (): Promise<{ reason: string; body: Buffer }[]> =>
      app.sql(
        `select reason, body from quarantined_delivery where signature ->> 'signature' = $1 order by id`,
        [headers['x-sinch-webhook-signature']],
      );
    expect((await app.deliver(body, headers)).status).toBe(202);
    const all = await kept();
    expect(all.filter((each) => each.body.equals(body))).toHaveLength(1);
    expect(all.filter((each) => !each.body.equals(body)).map(({ reason }) => reason)).toEqual(
      Array.from({ length: parts.length - 3 }, () => 'unreadable-nonce'),
    );
    expect((await app.deliver(body, headers)).status).toBe(202);
    expect(await kept()).toHaveLength(all.length);
  });
});

describe('A timestamp', () => {
  it.each([
    ['the oldest that is timely', -259_190, 200],
    ['the newest that is timely', 290, 200],
    ['one that is older', -259_210, 202],
    ['one that is newer', 310, 202],
  ])('%s (%d s from now) is answered accordingly', async (_what, seconds, status) => {
    const project = app.project();
    const delivery = project.callback({ create: contact('A') }, at(0));
    const timestamp = String(Math.floor(Date.now() / 1000) + seconds);
    expect((await app.deliver(delivery, sign(delivery, SECRET, { timestamp }))).status).toBe(status);
    expect((await project.get('/contacts/A')).status).toBe(status === 200 ? 200 : 404);
  });
});
