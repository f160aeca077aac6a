import type { ContactsPage } from '../../src/contacts/contacts.dto';
import { SearchReadings } from '../../src/contacts/search-readings';
import { contact } from '../support/sinch/callbacks';
import { until } from '../support/until';
import { App, at, type Project } from '../support/http/app';

jest.setTimeout(60_000);

/** A database as the release before left it: the columns as Sinch wrote the fields, and nothing read again yet. */
const AS_BEFORE = `
create index contact_display_name on contact using gin (display_name gin_trgm_ops);
update contact
set projected_by = 1, name_keys = null, display_name = snapshot ->> 'display_name', email = snapshot ->> 'email',
    external_id = snapshot ->> 'external_id', language = snapshot ->> 'language',
    identity_keys = array['SMS:' || (snapshot -> 'channel_identities' -> 0 ->> 'identity')];
update projection_refresh
set finished_at = null, contacts_expected = 2, contacts_read = 0, after_project_id = '', after_contact_id = '';
delete from duplicate_scan;
delete from shared_value;
delete from duplicate_set`;

const idsBy = async (project: Project, query: Readonly<Record<string, string>>): Promise<string[]> => {
  const search = new URLSearchParams(query).toString();
  const { contacts } = await project.read<ContactsPage>(`/contacts?${search}`);
  return contacts.map(({ id }) => id);
};

it('finds contacts of the release before at every moment, and at last by every form', async () => {
  const before = await App.start();
  const project = before.project();
  const fields = {
    display_name: 'Jose\u0301 Pe\u0301rez',
    email: 'Kim ',
    external_id: ' crm\u00a01',
    language: 'en',
    channel_identities: [{ channel: 'SMS', identity: '+49\u2011151\u201112345678', app_id: '' }],
  };
  await project.tell({ create: contact('A', fields) }, at(0));
  await project.tell({ create: contact('B', { ...fields, channel_identities: [], email: 'KIM' }) }, at(1));
  await until(async () => (await before.sql('select from duplicate_set')).length > 0);
  await before.drain();
  await before.sql(AS_BEFORE);
  // another process has the work, so that nothing is read again for now
  const other = await before.transaction();
  await other.query(`select pg_advisory_lock(hashtextextended('projection refresh', 0))`);

  const after = await App.start({ database: before.database });
  const same = after.project(project.id);
  expect(after.part(SearchReadings).isOlderAsked).toBe(true);
  expect((await after.get('/metrics')).text).toContain('\nmirror_contacts_to_refresh 2\n');
  const asStored: readonly Record<string, string>[] = [
    { q: 'JOSE\u0301' },
    { email: 'kim ' },
    { external_id: ' crm\u00a01' },
    { language: 'en' },
  ];
  for (const query of asStored)
    expect([query, await idsBy(same, query)]).toEqual([query, expect.arrayContaining(['A'])]);
  expect(await idsBy(same, { channel: 'SMS', identity: '+49\u2011151\u201112345678' })).toEqual(['A']);

  await other.end();
  await until(() => !after.part(SearchReadings).isOlderAsked, 30_000);
  const anyForm: readonly Record<string, string>[] = [
    ...asStored,
    { q: 'josé pér' },
    { q: 'PÉ' },
    { email: 'KIM' },
    { external_id: 'crm 1' },
    { language: 'EN' },
  ];
  for (const query of anyForm) expect([query, await idsBy(same, query)]).toEqual([query, ['A', 'B']]);
  expect(await idsBy(same, { phone: '+49 (0)151 12345678' })).toEqual(['A']);
  expect((await after.get('/metrics')).text).toContain('\nmirror_contacts_to_refresh 0\n');
  // and duplicates are looked for again, by what contacts hold now
  await until(async () => {
    const sets = await after.sql<{ contact_ids: string[] }>(
      `select contact_ids from duplicate_set where status = 'open'`,
    );
    return sets.some((set) => set.contact_ids.join() === 'A,B');
  });
  await after.stop();
  await before.stop();
});
