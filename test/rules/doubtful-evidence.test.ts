import { projectionsOf } from '../../src/audit/commit/projections.rule';
import { lossesOf, planMerges } from '../../src/contacts/merges/plan-merge.rule';
import { doubtsAbout, type Obstacle } from '../../src/duplicates/auto-merge/judge-auto-merge.rule';
import { canonicalJson, type JsonObject } from '../../src/json/canonical.rule';
import { valuesOf, weightOf } from '../../src/matching/evidence.rule';

/** What keeps a rule from merging two contacts, by what they share and would lose. The second is the survivor where it has a name. */
function against(one: JsonObject, other: JsonObject): readonly (Obstacle | 'unconfirmed')[] {
  const [ones, others] = [one, other].map((fields) => {
    const { identityKeys, email, externalId } = projectionsOf({
      id: 'A',
      fields,
      json: canonicalJson(fields),
    });
    return new Map(
      valuesOf({ identityKeys, email, externalId, appIdentities: null }).map((value) => [
        value.digest,
        value,
      ]),
    );
  });
  const shared = [...(ones ?? [])].filter(([digest]) => others?.has(digest));
  const evidence = shared.map(([, value]) => ({ contactIds: ['A', 'B'], weight: weightOf(value) }));
  const parties = [one, other].map((fields, at) => ({
    id: at === 0 ? 'A' : 'B',
    state: 'active' as const,
    survivorId: null,
    fields,
  }));
  const [survivor, loser] = parties as [(typeof parties)[0], (typeof parties)[0]]; // two contacts
  const losses = planMerges(survivor, [loser], { force: true, dismissed: null }).map(lossesOf);
  return [
    ...(losses.some(({ fields }) => fields.length > 0) ? (['loses-value'] as const) : []),
    ...doubtsAbout(['A', 'B'], evidence),
  ];
}

const on = (channel: string, identity: string): JsonObject => ({ channel, identity });
/** Two contacts that share a field, one of them without a name, each with a number of its own. */
const sharing = (fields: JsonObject): readonly (Obstacle | 'unconfirmed')[] =>
  against(
    { display_name: 'Ann', channel_identities: [on('SMS', '41446681800')], ...fields },
    { display_name: 'Unknown', channel_identities: [on('WHATSAPP', '4915201234056')], ...fields },
  );
const email = (address: string): readonly (Obstacle | 'unconfirmed')[] => sharing({ email: address });
const externalId = (id: string): readonly (Obstacle | 'unconfirmed')[] => sharing({ external_id: id });
const sharingIdentity = (channel: string, identity: string): readonly (Obstacle | 'unconfirmed')[] =>
  sharing({ channel_identities: [on(channel, identity)] });
const sharingPhone = (sms: string, whatsapp: string): readonly (Obstacle | 'unconfirmed')[] =>
  against(
    { display_name: 'Ann', channel_identities: [on('SMS', sms)] },
    { display_name: 'Unknown', channel_identities: [on('WHATSAPP', whatsapp)] },
  );

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

describe('a rule leaves to people contacts that share', () => {
  it.each([
    ...words('guest 1 -1 0 12345 user customer false no walk-in web'),
    ...words('guest-48213 user12345 customer1 web-1 test-4711 anonymous998877 GuestUser_1234 walk-in-30412'),
    ...words(
      '123456 000000123 987654321 111222 121212 483483 1000000 crm-1 crm-0001 AB123456 abc123 qwe1234 147258',
    ),
    ...words(
      '20240101 1985-03-12 01/02/1990 2024-01-01T00:00:00Z import2024 1.23457E+11 123450000000 #REF! {{contact.id}}',
    ),
    ...words('%EXTERNAL_ID_1234% ${id12345} undefined-123456 n/a-12345 primary -482134 abcdefgh customer-12'),
    ...words('12345678-1234-1234-1234-123456789012 00000000-0000-0000-0000-000000000001'),
    ...words('123e4567-e89b-12d3-a456-426614174000 info@acme.org a@a.com +15555550100 ann.smith'),
    // the greatest of a type of numbers; hashes of nothing, of a word, of a digit
    ...words('2147483647 4294967295 9223372036854775807 18446744073709551615'),
    ...words(
      'd41d8cd98f00b204e9800998ecf8427e 098f6bcd4621d373cade4e832627b4f6 da39a3ee5e6b4b0d3255bfef95601890afd80709',
    ),
    ...words(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 CFCD208495D565EF66E7DFF9F98764DA',
    ),
    // machines, links, versions, amounts, places, periods
    ...words(
      '127.0.0.1 192.168.178.24 fe80::1ff:fe23:4567:890a 00-1A-2B-3C-4D-5E https://forms.office.com/r/8Xk2 ios-17.4.1',
    ),
    ...['Hamburg 20095', 'EUR 49.90', '1249.90', 'Q3-2024', '2024-W23', 'KW23-2024', '2024H1'],
    // of many
    ...words(
      'import_20240615_1 batch-48213 segment-482134 filiale-4821 list-482134 group-482134 team4821 device-482134 terminal-4821',
    ),
    // texts that expressions would take long to look at
    `${'ab:'.repeat(20_000)}x`,
    `${'ab'.repeat(30_000)}00001`,
    `${'12.'.repeat(20_000)}x`,
    // cut off, counted
    ...words('0012x00000 003000000000001AAA'),
  ])('the external id %s', (id) => {
    expect(externalId(id)).not.toEqual([]);
  });

  it.each([
    ...words(
      'a@a.com no@no.com user@example.com x@x.com asd@asd.com email@email.com name@example.com 1@1.com',
    ),
    ...words(
      'mailto:info@acme.org <info@acme.net> salesteam@acme.org customersupport@acme.org hallo@acme.org',
    ),
    ...words('ｉｎｆｏ@acme.org noemail1@acme.org guest@acme.org shipping@acme.org'),
    ...words(
      'ann.smith@example.org ann@mail.example.net ann@acme.test ann@example ann.smith@test.com ann@aaa.com',
    ),
    ...words('qwe123@acme.org asdasd@gmail.com zxc@gmail.com abc123@gmail.com qwertz@web.de aaa@gmail.com'),
    ...words(
      'no.email@acme.org no_mail2@gmail.com noemailprovided@gmail.com none1@gmail.com test99@gmail.com',
    ),
    ...words(
      'testuser@gmail.com guest123@hotel.org first.last@acme.org xy@gmail.com a12@gmail.com 123@gmail.com',
    ),
    ...words(
      '12345678@gmail.com nope@nope.com acme@acme.org info1@acme.org 1info@acme.org infoacme@acme.org',
    ),
    ...words('acmeinfo@acme.com "info"@acme.org büro@acme.de comptabilité@acme.fr kundenservice24@acme.de'),
    ...words(
      'supportteam@acme.org sales-team@acme.org uksales@acme.org ourteam@acme.org shippingdept@acme.org',
    ),
    ...words(
      'pedidos@acme.es segreteria@acme.it klantenservice@acme.nl zamowienia@acme.pl инфо@acme.ru іnfo@acme.org',
    ),
    ...words(
      'family.smith@gmail.com smithfamily@gmail.com hr-dept@acme.org fakeemail@gmail.com spam@gmail.com dont.have@gmail.com',
    ),
    ...words(
      'ann@mailinator.com ann.smith@yopmail.com kim@acme.c kim@acme.123 user+1@gmail.com jane@yourdomain.com',
    ),
    ...words('vorname.nachname@web.de prenom.nom@orange.fr nombre@empresa.es kunde@firma.de ann@firma.de'),
    ...words('momdad@gmail.com thesmiths@gmail.com john.and.jane@gmail.com tom_und_ute@web.de'),
    ...words(
      'kitchen@acme.org drivers@acme.org tickets@acme.org apotheke@acme.de postmottak@acme.no rathaus@acme.de',
    ),
    ...words(
      'pharmacy@acme.org landlord@gmail.com printer@acme.org kanzlei@acme.de mairie@acme.fr iroda@acme.hu kefu@acme.cn',
    ),
  ])('the e-mail address %s', (address) => {
    expect(email(address)).not.toEqual([]);
  });

  it.each([
    ['11234567890', '11234567890'],
    ['441234567890', '441234567890'],
    ['15555550100', '15555550100'],
    // a number of the United States without its country code, or an impossible one of Switzerland
    ['4155550123', '+4155550123'],
    ['6505433321', '+6505433321'],
    ['10123456789', '10123456789'],
    ['12125550143', '12125550143'],
    ['18005433321', '18005433321'],
    ['14151234567', '14151234567'],
    ['447700900123', '447700900123'],
    ['4915112345678', '4915112345678'],
    ['4915100000000', '4915100000000'],
    ['449876543210', '449876543210'],
    ['491212121212', '491212121212'],
    ['5616161', '5616161'],
    ['56161611', '56161611'],
    ['561616112', '561616112'],
    ...words(
      `393331234567 905321234567 639171234567 79161234567 443031234567 436641234567 2348031234567 491800123456 611300654321
       61180012345 8613800138000 14155238886 15005550006 41848123987 33899123874 34902385714`,
    ).map((number) => [number, number]),
    // the one may be a house's and the other a person's
    ['541143217069', '5491143217069'],
  ])('the phone number %s', (sms, whatsapp) => {
    expect(sharingPhone(sms, whatsapp)).not.toEqual([]);
  });

  it.each([
    ['SMS', 'MYBANK'],
    ['RCS', 'my-bank-agent'],
    ['WHATSAPP', '120363025246125486@g.us'],
    ['SMS', '56161611'],
    ['SMS', '015112345679'],
    ['TELEGRAM', '-1001234567890'],
    ['TELEGRAM', '-482134871'],
    ['TELEGRAM', '1'],
    ['TELEGRAM', '777000'],
    ['TELEGRAM', '123456789'],
    ['TELEGRAM', '@somechannel'],
    ['KAKAOTALKCHAT', 'user'],
    ['KAKAOTALKCHAT', 'customerservice'],
    ['KAKAOTALKCHAT', '12345678'],
    ['APPLEBC', 'guest-user-1'],
    ['MESSENGER', '1'],
  ])('the identity %s %s', (channel, identity) => {
    expect(sharingIdentity(channel, identity)).not.toEqual([]);
  });

  it.each([
    ['Nan', 'Bob Smith'],
    ['Na', 'Kim Minsu'],
    ['Nil', 'Ann'],
    ['Null', 'Ann'],
    ['None', 'Ann'],
    ['Blank', 'Ann'],
  ])('all else, where the name %s or %s would be lost', (name, other) => {
    const fields = { email: 'kim.minsu77@fastmail.org' };
    const pair = [
      { ...fields, display_name: name },
      { ...fields, display_name: other },
    ] as const;
    expect(against(pair[0], pair[1])).toEqual(['loses-value']);
    expect(against(pair[1], pair[0])).toEqual(['loses-value']);
  });

  it('all else, where a word in metadata would be lost', () => {
    const fields = { email: 'kim.minsu77@fastmail.org' };
    const [one, other] = ['{"allergies":"nuts"}', '{"allergies":"none"}'];
    expect(against({ ...fields, metadata: one }, { ...fields, metadata: other })).toEqual(['loses-value']);
  });
});

describe('a rule merges contacts that share', () => {
  it.each([
    ...words('crm-00012345 CRM-4711 0031t00000AbCdEFGH 7c9e6679-7425-40de-944b-e07fc1f90ae7 482134 84720193'),
    ...words('customer-84720193 cus_NffrFeUfNV2Hib 507f1f77bcf86cd799439011 01HV3K9QZ8X7M2D4N6P5R0S1TA'),
    ...words('ann.smith@fastmail.org +41446681803 K-2024-008213 5f0c1a2b-abcd-4e1f-9abc-00f1d2c3b4a5'),
  ])('the external id %s', (id) => {
    expect(externalId(id)).toEqual([]);
  });

  it.each([
    ...words(
      'ann.smith@fastmail.org kim.lee+news@mail.example-shop.co jörg.müller@bücher.de 482913077@qq.com',
    ),
    ...words('salesman@fastmail.org it.lee@acme.org emma.inf2@acme.org na.kim@acme.org nakims@fastmail.org'),
    ...words(
      'ANN.SMITH@fastmail.org <ann.smith@fastmail.org> mailto:ann.smith@fastmail.org anna@gmail.com bob77@web.de',
    ),
    ...words(
      'smiths.home@fastmail.org e.weber1@gmx.de jsmith@me.com li.na@163.com contreras@acme.org newton@acme.org',
    ),
    ...words(
      'maria.santos@abc.net.au s1480277@uni-bonn.de hollis@acme.org teamann@acme.org thenoor@gmail.com',
    ),
    ...words('ada.bauer12@posteo.de joao.costa@gmail.com'),
  ])('the e-mail address %s', (address) => {
    expect(email(address)).toEqual([]);
  });

  it.each([
    ['14155338201', '+14155338201'],
    ['447911480273', '+447911480273'],
    ['4915201234056', '4915201234056'],
    ['41791834420', '+41791834420'],
    ['4520304857', '+4520304857'],
    ['4791834420', '4791834420'],
    ['6591834420', '+6591834420'],
    ['5511987650321', '551187650321'],
    ['819048271133', '819048271133'],
    ['919820148273', '919820148273'],
    ['33612857340', '0033612857340'],
  ])('the phone number %s', (sms, whatsapp) => {
    expect(sharingPhone(sms, whatsapp)).toEqual([]);
  });

  it.each([
    ['TELEGRAM', '5482913077'],
    ['TELEGRAM', '48151623'],
    ['KAKAOTALKCHAT', 'JDSHD8ajf0aKf2Lq'],
    ['KAKAOTALKCHAT', '9KC0p+pi4zPGFO99ACDxdQ=='],
    ['APPLEBC', 'urn:mbid:AQAAY8kPn2fD3kq0VxZs7w'],
    ['WHATSAPP', 'US.13491208655302741918'],
  ])('the identity %s %s', (channel, identity) => {
    expect(sharingIdentity(channel, identity)).toEqual([]);
  });

  it.each(['Unknown', 'N/A', 'n.a.', '-', '', '(none)', '<null>', '#N/A', 'undefined'])(
    'an e-mail address, though the name %j is lost',
    (name) => {
      const fields = { email: 'kim.minsu77@fastmail.org' };
      expect(against({ ...fields, display_name: 'Kim' }, { ...fields, display_name: name })).toEqual([]);
    },
  );
});
