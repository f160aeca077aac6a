import fc from 'fast-check';
import { TRIGGERS } from '../../src/audit/audit-event.rule';
import { adviseOn, describeRegistration } from '../../src/registration/describe-registration.rule';
import {
  planRegistration,
  shownTarget,
  type WantedWebhook,
  webhooksMax,
} from '../../src/registration/plan-registration.rule';
import type { Identified } from '../../src/sinch/read-answer.rule';
import { HOOK, wanted } from '../support/sinch/wanted-webhook';

const OLD = 'https://old.example.com/webhooks/sinch';
const SECRETS = ['secret-one', 'secret-two', 'secret-three'];

const ours = (change: Record<string, unknown> = {}): Identified => ({
  id: 'W1',
  app_id: 'A1',
  target: HOOK,
  target_type: 'HTTP',
  secret: 'secret-one',
  triggers: [...TRIGGERS],
  ...change,
});
const others = (count: number): Identified[] =>
  Array.from({ length: count }, (_, n) => ours({ id: `X${n}`, target: `https://other.example.com/${n}` }));

const aTarget = fc.constantFrom(
  HOOK,
  OLD,
  'https://a.example.com/',
  'https://b.example.com/',
  'nonsense',
  '',
  7,
);
const aWebhook = fc.record(
  {
    target: aTarget,
    target_type: fc.constantFrom('HTTP', 'DISMISS', '', null),
    secret: fc.constantFrom(...SECRETS, '', null),
    triggers: fc.oneof(
      fc.uniqueArray(fc.constantFrom(...TRIGGERS, 'MESSAGE_INBOUND', 'OPT_IN')),
      fc.constant(null),
    ),
    client_credentials: fc.constant({ client_secret: 'theirs' }),
  },
  { requiredKeys: ['target'] },
);
/** No two with one target, as at Sinch's. */
const anApp = fc
  .uniqueArray(aWebhook, { maxLength: webhooksMax, selector: ({ target }) => target })
  .map((webhooks) => webhooks.map((webhook, n): Identified => ({ id: `W${n}`, ...webhook })));
const aWish = fc.record({
  target: fc.constant(HOOK),
  secret: fc.constant('secret-one'),
  toleratedSecrets: fc.subarray(SECRETS),
  replaces: fc.constantFrom(null, OLD, HOOK),
});

/** What Sinch has after a plan was carried out. */
function carryOut(webhooks: readonly Identified[], wish: WantedWebhook): readonly Identified[] {
  const plan = planRegistration(webhooks, wish);
  if (plan.kind === 'create') return [...webhooks, { id: 'new', ...plan.webhook }];
  if (plan.kind !== 'update') return webhooks;
  return webhooks.map((webhook) => (webhook.id === plan.id ? { ...webhook, ...plan.changes } : webhook));
}

describe('A registration', () => {
  it('once done leaves nothing to do, and one webhook that tells the mirror all it needs', () => {
    fc.assert(
      fc.property(anApp, aWish, (webhooks, wish) => {
        if (planRegistration(webhooks, wish).kind === 'refused') return;
        const after = carryOut(webhooks, wish);
        expect(planRegistration(after, { ...wish, replaces: null }).kind).toBe('unchanged');
        expect(planRegistration(after, wish).kind).toBe('unchanged');
        const [own, second] = after.filter(({ target }) => target === HOOK);
        expect(second).toBeUndefined();
        expect(own?.['triggers']).toEqual(expect.arrayContaining([...TRIGGERS]));
        expect([wish.secret, ...wish.toleratedSecrets]).toContain(own?.['secret']);
        expect(own?.['target_type'] || 'HTTP').toBe('HTTP');
        expect(after.length).toBeLessThanOrEqual(webhooksMax);
      }),
    );
  });

  it('touches no other webhook, and of its own no field but the four, and gives up no trigger', () => {
    fc.assert(
      fc.property(anApp, aWish, (webhooks, wish) => {
        const after = new Map(carryOut(webhooks, wish).map((webhook) => [webhook.id, webhook]));
        for (const before of webhooks) {
          const now = after.get(before.id);
          if (now === before) continue;
          expect([HOOK, wish.replaces]).toContain(before['target']);
          expect(now?.['client_credentials']).toEqual(before['client_credentials']);
          const triggers = Array.isArray(before['triggers']) ? (before['triggers'] as unknown[]) : [];
          expect(now?.['triggers'] ?? []).toEqual(expect.arrayContaining(triggers));
        }
      }),
    );
  });

  it('is refused only without room, or without the webhook that is to be moved', () => {
    fc.assert(
      fc.property(anApp, aWish, (webhooks, wish) => {
        const isThere = webhooks.some(({ target }) => target === HOOK || target === wish.replaces);
        const isRefused = planRegistration(webhooks, wish).kind === 'refused';
        expect(isRefused).toBe(!isThere && (wish.replaces !== null || webhooks.length >= webhooksMax));
      }),
    );
  });

  it('shows no secret, whatever it finds', () => {
    fc.assert(
      fc.property(anApp, aWish, (webhooks, wish) => {
        const plan = planRegistration(webhooks, wish);
        if (plan.kind === 'create') return;
        const said =
          plan.kind === 'refused' ? plan.reason : describeRegistration(plan, HOOK, 'register again').join();
        for (const secret of [...SECRETS, 'theirs']) expect(said).not.toContain(secret);
      }),
    );
  });

  it('tells in its refusals which webhooks there are, without what may be secret in their targets', () => {
    const full = [...others(4), ours({ id: 'X4', target: 'https://user:pass@z.example.com/x?token=t' })];
    expect(planRegistration(full, wanted())).toEqual({
      kind: 'refused',
      reason:
        'The app has 5 webhooks already, and Sinch allows 5: remove one at Sinch, or move one here (--replace <its target>). Its targets: https://other.example.com/0, https://other.example.com/1, https://other.example.com/2, https://other.example.com/3, https://z.example.com/x.',
    });
    expect(planRegistration([], wanted({ replaces: OLD }))).toEqual({
      kind: 'refused',
      reason: `The app has no webhook with the target ${OLD} that could be moved. It has no webhooks at all.`,
    });
    expect(shownTarget('nonsense')).toBe('(no URL)');
  });

  it('moves the webhook of the old address, even of a full app', () => {
    const app = [...others(4), ours({ target: OLD })];
    expect(planRegistration(app, wanted({ replaces: OLD }))).toMatchObject({
      kind: 'update',
      id: 'W1',
      mask: ['target'],
      changes: { target: HOOK },
    });
  });

  it('leaves a tolerated secret, and says so; any other it replaces', () => {
    const app = [ours({ secret: 'secret-two' })];
    expect(planRegistration(app, wanted({ toleratedSecrets: ['secret-two'] }))).toMatchObject({
      kind: 'unchanged',
      hasToleratedSecret: true,
    });
    expect(planRegistration(app, wanted({ toleratedSecrets: ['secret-three'] }))).toMatchObject({
      kind: 'update',
      mask: ['secret'],
      hasToleratedSecret: false,
    });
  });
});

describe('What a registration says', () => {
  const said = (webhooks: readonly Identified[], wish = wanted()): readonly string[] => {
    const plan = planRegistration(webhooks, wish);
    if (plan.kind === 'refused') return [plan.reason];
    return describeRegistration(
      plan.kind === 'create' ? { ...plan, kind: 'created', id: 'W9' } : plan,
      HOOK,
      'register again',
    );
  };

  it('names what was done', () => {
    expect(said([])).toEqual([`Sinch's webhook W9 for ${HOOK}: created`]);
    expect(said([ours()])).toEqual([`Sinch's webhook W1 for ${HOOK}: unchanged`]);
    expect(
      said([ours({ target_type: 'DISMISS', secret: 'x', triggers: ['OPT_IN', 'CONTACT_MERGE'] })]),
    ).toEqual([
      `Sinch's webhook W1 for ${HOOK}: updated (target_type HTTP, triggers +CONTACT_CREATE +CONTACT_UPDATE +CONTACT_DELETE +CONTACT_IDENTITIES_DUPLICATION, secret)`,
      'It keeps its other triggers: OPT_IN.',
    ]);
  });

  it('names what is left to do', () => {
    expect(said([ours({ id: 'W0', target: OLD })])[1]).toBe(
      `The app also has a webhook for ${OLD}: if it is the service's old address, remove it at Sinch.`,
    );
    expect(said([ours(), ours({ id: 'W0', target: OLD })], wanted({ replaces: OLD }))[1]).toBe(
      'Webhook W0, which was to be moved here, was left unchanged: remove it at Sinch.',
    );
    expect(said([ours()], wanted({ replaces: OLD }))[1]).toBe(
      `The app has no webhook for ${OLD}, so nothing was moved.`,
    );
    const tolerant = wanted({ toleratedSecrets: ['secret-two'] });
    expect(said([ours({ secret: 'secret-two' })], tolerant)[1]).toMatch(
      /^It still signs with an older secret/,
    );
  });

  it('advises on the answers that a person can mend', () => {
    expect([400, 401, 403, 404, 500, null].map((status) => adviseOn(status) !== null)).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
