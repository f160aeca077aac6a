import { readWebhookTarget, targetLengthMax } from '../../src/config/read-webhook-target.rule';

const targetOf = (text: string, publicUrl: string | null = null): string => {
  const reading = readWebhookTarget(text, publicUrl);
  return reading.kind === 'target' ? reading.target : `unfit: ${reading.reason}`;
};

describe('The target of a webhook', () => {
  it.each([
    ['https://m.example.com', null, 'https://m.example.com/webhooks/sinch'],
    ['https://m.example.com/', null, 'https://m.example.com/webhooks/sinch'],
    ['HTTPS://M.Example.com:443', null, 'https://m.example.com/webhooks/sinch'],
    ['http://127.0.0.1:3000', null, 'http://127.0.0.1:3000/webhooks/sinch'],
    ['https://m.example.com/base', 'https://m.example.com/base', 'https://m.example.com/base/webhooks/sinch'],
    [
      'https://m.example.com/base//',
      'https://m.example.com/base/',
      'https://m.example.com/base/webhooks/sinch',
    ],
    ['https://m.example.com/hook/', 'https://m.example.com', 'https://m.example.com/hook/'],
    ['https://m.example.com/webhooks/sinch', null, 'https://m.example.com/webhooks/sinch'],
    [
      'https://my-conversation-api.sinch.com.example.com/x',
      null,
      'https://my-conversation-api.sinch.com.example.com/x',
    ],
  ])('of %s, the public URL being %s, is %s', (text, publicUrl, target) => {
    expect(targetOf(text, publicUrl)).toBe(target);
  });

  it.each([
    ['m.example.com', 'must be a URL like https://mirror.example.com'],
    ['ftp://m.example.com', 'must be a URL like https://mirror.example.com'],
    ['', 'must be a URL like https://mirror.example.com'],
    ['https://u:p@m.example.com', 'must have no user, password, query or fragment'],
    ['https://m.example.com/?token=x', 'must have no user, password, query or fragment'],
    ['https://conversation-api.eu.sinch.com/x', 'must not be a Sinch host'],
    ['https://Conversation-API.sinch.com', 'must not be a Sinch host'],
  ])('is not made of %s, which %s', (text, reason) => {
    expect(targetOf(text)).toBe(`unfit: ${reason}`);
  });

  it('is as long as Sinch takes it, and no longer', () => {
    const longest = `https://m.example.com/${'x'.repeat(targetLengthMax - 22)}`;
    expect(targetOf(longest)).toBe(longest);
    expect(targetOf(`${longest}x`)).toBe(`unfit: gives a target of 743 characters; Sinch allows at most 742`);
    // the path that is put after it counts
    expect(targetOf(longest, longest)).toContain('gives a target of 757 characters');
  });
});
