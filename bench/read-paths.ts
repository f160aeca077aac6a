import { PROJECT } from './callbacks';

const CONTACTS = `/v1/projects/${PROJECT}/contacts`;
const feedPageSize = 100;
/** Longest pages that the service makes: by these the feed is read to find its middle and its end. */
const pageSizeMax = 200;
/** How many pages of a list and how many contacts are read in turn. */
const pagesMax = 20;
const contactsMax = 500;

/** Kinds of reads; of each, the paths that are asked for in turn. */
export type ReadPaths = ReadonlyMap<string, readonly string[]>;

interface Contact {
  readonly id: string;
  readonly display_name: string;
  readonly email: string;
  readonly channel_identities: readonly { readonly channel: string; readonly identity: string }[];
}

/** Asks a service by GET. @returns the answer's JSON, whose form the caller knows */
export type Ask = <Answer>(path: string) => Promise<Answer>;

/** Finds out, by asking the service, what to read: the paths hold page tokens, which only it can make. */
export async function findReadPaths(ask: Ask): Promise<ReadPaths> {
  const contacts = await someContacts(ask);
  const ofEach = (path: (contact: Contact) => string): readonly string[] => contacts.map(path);
  const feed = await feedTokens(ask);
  const feedPage = (token: string | undefined): readonly string[] => [
    `${CONTACTS}:changes?page_size=${feedPageSize}${tokenPart(token)}`,
  ];
  return new Map([
    ['contact', ofEach(({ id }) => `${CONTACTS}/${id}`)],
    ['list of 20', await listPaths(ask, 20)],
    ['list of 100', await listPaths(ask, 100)],
    [
      'by identity',
      ofEach(({ channel_identities: [first] }) => {
        return `${CONTACTS}?channel=${first?.channel}&identity=${encodeURIComponent(first?.identity ?? '')}`;
      }),
    ],
    ['by e-mail', ofEach(({ email }) => `${CONTACTS}?email=${encodeURIComponent(email)}`)],
    ['by name', ofEach(({ display_name: name }) => `${CONTACTS}?q=${encodeURIComponent(name)}`)],
    ['feed from the beginning', feedPage(undefined)],
    ['feed from the middle', feedPage(feed[Math.floor(feed.length / 2)])],
    ['feed near its end', feedPage(feed.at(-1))],
    ['history', ofEach(({ id }) => `${CONTACTS}/${id}/history`)],
  ]);
}

async function someContacts(ask: Ask): Promise<readonly Contact[]> {
  const contacts: Contact[] = [];
  for (let token = ''; contacts.length < contactsMax;) {
    const page: { readonly contacts: readonly Contact[]; readonly next_page_token: string } = await ask(
      `${CONTACTS}?page_size=${pageSizeMax}${tokenPart(token)}`,
    );
    contacts.push(...page.contacts);
    token = page.next_page_token;
    if (token === '') break;
  }
  return contacts;
}

async function listPaths(ask: Ask, size: number): Promise<readonly string[]> {
  const paths: string[] = [];
  for (let token = ''; paths.length < pagesMax;) {
    const path = `${CONTACTS}?page_size=${size}${tokenPart(token)}`;
    const page: { readonly next_page_token: string } = await ask(path);
    // the last page may be short
    if (page.next_page_token === '' && paths.length > 0) break;
    paths.push(path);
    token = page.next_page_token;
    if (token === '') break;
  }
  return paths;
}

/** The places of the feed that have a whole page behind them, in order. */
async function feedTokens(ask: Ask): Promise<readonly string[]> {
  const tokens: string[] = [];
  for (let token = ''; ;) {
    const page: { readonly changes: readonly unknown[]; readonly next_page_token: string } = await ask(
      `${CONTACTS}:changes?page_size=${pageSizeMax}${tokenPart(token)}`,
    );
    if (page.changes.length < pageSizeMax) return tokens;
    if (token !== '') tokens.push(token);
    token = page.next_page_token;
  }
}

function tokenPart(token: string | undefined): string {
  return token === undefined || token === '' ? '' : `&page_token=${encodeURIComponent(token)}`;
}
