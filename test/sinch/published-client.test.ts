import { SinchClient as PublishedClient } from '@sinch/sdk-core';
import type { SinchClient } from '../../src/sinch/sinch-client';
import { KEY_SECRET, setUp } from '../support/sinch/client-setup';
import { json, type Seen } from '../support/sinch/stand-in';

/** What a server makes of a request: bodies as JSON, since their spelling may differ. */
function requestOf({ method, path, query, headers, body }: Seen): unknown {
  return {
    method,
    path: decodeURIComponent(path),
    query,
    body: body === '' ? null : (JSON.parse(body) as unknown), // compared, not used
    authorization: headers.authorization,
    accept: headers.accept,
  };
}

const contact = { display_name: 'Ann Ünal', email: 'ann@example.com', language: 'EN_US' as const };
const webhook = {
  target: 'https://mirror.example.com/webhooks/sinch',
  target_type: 'HTTP' as const,
  secret: 'webhook secret',
  triggers: ['CONTACT_CREATE' as const, 'CONTACT_MERGE' as const],
};

/**
 * One operation by both. Left out is where the published client is wrong: it does not encode ids and query values, and makes
 * dates of texts that look like some.
 */
const OPERATIONS: readonly (readonly [
  string,
  (ours: SinchClient) => Promise<unknown>,
  (theirs: PublishedClient) => PromiseLike<unknown>,
])[] = [
  [
    'list',
    (ours) => ours.listContacts({ pageSize: 20, pageToken: 'next' }),
    (theirs) => theirs.conversation.contact.list({ page_size: 20, page_token: 'next' }),
  ],
  ['get', (ours) => ours.getContact('C1'), (theirs) => theirs.conversation.contact.get({ contact_id: 'C1' })],
  [
    'update',
    (ours) => ours.updateContact('C1', contact, ['display_name', 'email', 'language']),
    (theirs) =>
      theirs.conversation.contact.update({
        contact_id: 'C1',
        updateContactRequestBody: contact,
        update_mask: ['display_name', 'email', 'language'],
      }),
  ],
  [
    'delete',
    (ours) => ours.deleteContact('C1'),
    (theirs) => theirs.conversation.contact.delete({ contact_id: 'C1' }),
  ],
  [
    'merge',
    (ours) => ours.mergeContacts({ survivorId: 'C1', loserId: 'C2' }),
    (theirs) =>
      theirs.conversation.contact.mergeContact({
        destination_id: 'C1',
        mergeContactRequestBody: { source_id: 'C2', strategy: 'MERGE' },
      }),
  ],
  [
    'list webhooks',
    (ours) => ours.listWebhooks(),
    (theirs) => theirs.conversation.webhooks.list({ app_id: 'A1' }),
  ],
  [
    'create webhook',
    (ours) => ours.createWebhook(webhook),
    (theirs) =>
      theirs.conversation.webhooks.create({ webhookCreateRequestBody: { app_id: 'A1', ...webhook } }),
  ],
  [
    'update webhook',
    (ours) => ours.updateWebhook('W1', webhook, ['secret', 'triggers']),
    (theirs) =>
      theirs.conversation.webhooks.update({
        webhook_id: 'W1',
        webhookUpdateRequestBody: webhook,
        update_mask: ['secret', 'triggers'],
      }),
  ],
];

describe("Sinch's published client and ours", () => {
  it.each(OPERATIONS)('send the same: %s', async (_operation, ours, theirs) => {
    const { sinch, client } = await setUp();
    sinch.otherwise = json(200, { id: 'X', contacts: [], conflicts: [], webhooks: [], next_page_token: '' });
    // each gets its token anew, and the same one
    const token = json(200, { access_token: 'token', expires_in: 3600, token_type: 'bearer', scope: '' });
    sinch.tokenReplies.push(token, token);
    const published = new PublishedClient({
      projectId: 'P1',
      keyId: 'the-key',
      keySecret: KEY_SECRET,
      conversationRegion: 'us',
      authHostname: sinch.url,
      conversationHostname: sinch.url,
    });
    // lists fetch nothing before they are waited for, and twice when they are read on
    await theirs(published);
    await ours(client);
    if (sinch.seen.length !== 2) throw new Error(`${sinch.seen.length} requests were sent, not two`);
    const [expected, sent] = sinch.seen.map(requestOf);
    expect(sent).toEqual(expected);
    const [theirToken, ourToken] = sinch.tokenRequests;
    expect([ourToken?.headers.authorization, ourToken?.body]).toEqual([
      theirToken?.headers.authorization,
      theirToken?.body,
    ]);
  });
});
