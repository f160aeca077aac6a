import { compose } from '../../normalise/normalise-text.rule';
import { isPlaceholder, plainWord } from '../../normalise/is-placeholder.rule';
import { isKeyboardRun, isMadeOf, isRepeated, isTypedDigits, NOBODYS } from './typed-words.rule';

/**
 * Names of mailboxes that belong to a role and not to a person: RFC 2142, and what businesses use. `noreply` is among them:
 * nobody reads it, so it identifies nobody. Without accents.
 */
const ROLES: ReadonlySet<string> = new Set(
  `info infos information informations sales support admin admins administrator administration office contact contacts contactus hello
   hi help helpdesk service services servicedesk customerservice customercare care client clients customer customers billing accounts
   accounting accountspayable account invoice invoices invoicing finance payments payment payroll marketing hr jobs job careers career
   recruiting recruitment team staff crew mail email emails mailbox inbox post postmaster hostmaster webmaster web website abuse noc
   security root privacy legal compliance press media pr news newsletter newsletters noreply donotreply reply bounce mailerdaemon orders
   order ordering shop store booking bookings reservation reservations reception receptionist frontdesk desk enquiries enquiry inquiries
   inquiry feedback general company everyone all secretary secretariat management manager director directors operations ops it tech
   technical webshop online hotline dispatch delivery deliveries shipping shipment shipments logistics warehouse returns refund refunds
   purchase purchasing procurement quality production factory claims complaints partner partners partnership partnerships wholesale
   retail events event training academy school library clinic hotel restaurant appointments appointment scheduling engineering
   development developers dev devops system systems sysadmin alerts notification notifications notify automated daemon ceo cfo cto
   family familie famille familia famiglia household haushalt parents eltern kasse filiale branch kiosk pos room zimmer rezeption
   subscribe unsubscribe members membership register registration welcome ask talk momdad mumdad momanddad mumanddad mamapapa
   mamaundpapa eheleute kitchen drivers driver ticket tickets pharmacy doctor doctors dentist teacher teachers president
   treasurer landlord tenant tenants board investors investor printer scanner server backup taxi police church sale
   kunde kundin apotheke rathaus kanzlei pfarramt gemeinde vorstand verein lehrer schule kueche
   mairie ayuntamiento gerencia negozio comune postmottak butik bokning recepce iroda buh priemnaya kefu
   kontakt kontakte hallo kundenservice kunden kundendienst kundenbetreuung buchhaltung rechnung rechnungen vertrieb verkauf buero buro
   zentrale bewerbung bewerbungen anfrage anfragen auftrag auftraege bestellung bestellungen versand einkauf lager empfang verwaltung
   sekretariat geschaeftsfuehrung personal personalabteilung technik werkstatt praxis termin termine service versicherung redaktion
   contacto hola ventas venta soporte administracion atencion atencionalcliente comercial clientes pedidos facturacion compras recepcion
   rrhh ayuda oficina
   contato vendas atendimento suporte financeiro faturamento pedidos compras recepcao sac
   accueil bonjour ventes vente comptabilite facturation commande commandes commercial serviceclient clientele recrutement livraison
   achats secretaire assistance bureau
   contatti direzione amministrazione vendite ufficio ordini ordine acquisti fatturazione segreteria clienti spedizioni commerciale
   assistenza prenotazioni
   verkoop klantenservice inkoop facturen facturatie administratie receptie bestellingen
   posta biuro sprzedaz zamowienia faktury faktura kadry recepcja obsluga ksiegowosc sklep
   obchod fakturace podpora objednavky prodej
   forsaljning kundtjanst kundservice kundeservice kundesenter salg ordre regnskab regnskap bokhaltung ekonomi
   myynti asiakaspalvelu laskutus toimisto tilaukset
   bilgi satis destek iletisim muhasebe siparis
   vanzari comenzi ugyfelszolgalat ertekesites szamlazas
   zakaz zakazy prodazhi podderzhka pochta инфо почта продажи заказ заказы поддержка контакт офис
   eigyo toiawase otoiawase 信息 客服 销售`.split(/\s+/),
);
/** Words that stand beside those of a role: `ourteam`, `infoeurope`. */
const BESIDE: ReadonlySet<string> = new Set(
  `my our the your us uk eu de fr es it nl at ch europe global international group dept department line center centre central
   main corp inc ltd gmbh and for to of at new free`.split(/\s+/),
);
/** The fewest letters of a role within a longer name: a shorter one may be part of a person's. */
const rolePartLengthMin = 4;
/** Roles that no person's name begins or ends with. */
const ROLE_AT_AN_END =
  /^(family|familie|famille|support|customer|kunden|noreply|donotreply|helpdesk|servicedesk|newsletter|webmaster|postmaster|reservation|accounting|enquir|inquir|contactus|shipping)|(support|customers?|service|helpdesk|servicedesk|newsletter|reservations?|accounting|marketing|shipping|orders|sales|info|office|admin|team|kontakt|contact|family|familie|famille)$/;

/** `john.and.jane`, `tom_und_ute`: the word between two names. */
const COUPLE = /[^\p{L}\p{N}](and|und|et|en|och|og|ja|ve)[^\p{L}\p{N}]/u;
/** `thesmiths`. */
const FAMILY = /^the\p{L}{2,}s$/u;

/** Mail that everybody may read. */
const OPEN_TO_ALL =
  /(^|\.)(mailinator|yopmail|guerrillamail|sharklasers|trashmail|tempmail|temp-mail|10minutemail|maildrop|dispostable|getnada|throwawaymail|discard)\./;

/** Reserved for documents and tests (RFC 2606), in every country. */
const RESERVED = /(^|\.)example\.|\.(example|test|invalid|localhost|local|internal)$/;
const NO_ADDRESS =
  /^(no|non|not|dont|donot|idont|without|kein|keine|sin|sans|sem)(e?mail|mail|address|adresse|correo|courriel|reply|one|body|name|have|want|know)/;
const TOP_LEVEL = /^(\p{L}{2,}|xn--[a-z0-9-]+)$/u;
/** Most characters of a name before the `@` (RFC 5321, 4.5.3.1). */
const nameLengthMax = 64;
/** The fewest characters of a mailbox that one person has, and the fewest digits where it has one letter or none. */
const nameLengthMin = 3;
const digitsMin = 5;

/** Why a mailbox need not be one person's; null: it looks like one's. */
export type EmailDoubt = 'shared-mailbox' | 'weak-value' | null;

/** @param address with one `@`; with `mailto:`, angle brackets or quotes around it, in full width or with accents, it is the same mailbox */
export function doubtAboutEmail(address: string): EmailDoubt {
  const [local = '', domain = ''] = plainAddress(address).split('@');
  const [name = ''] = local.split('+');
  if (name.length > nameLengthMax) return 'weak-value';
  const word = withoutDigits(plainWord(name));
  const isOfSeveral = COUPLE.test(name) || FAMILY.test(word);
  if (
    isPlaceholder(name) ||
    word === 'nobody' ||
    isOfSeveral ||
    isRole(name, domain) ||
    OPEN_TO_ALL.test(domain)
  )
    return 'shared-mailbox';
  return isTypedName(name, word, domain) || isTypedDomain(domain) ? 'weak-value' : null;
}

function plainAddress(address: string): string {
  return compose(address, 'NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .trim()
    .replace(/^[<("'[\s]*(?:[a-z-]+:\/*)?/, '')
    .replace(/[>)"'\],;.\s]+$/, '')
    .replace(/["']/g, '');
}

function withoutDigits(word: string): string {
  return word.replace(/^\d+|\d+$/g, '');
}

/** `info`, and also `no-reply`, `support2`, `info-de`, `sales.team`, `salesteam`, and `infoacme` at `acme.org`. */
function isRole(name: string, domain: string): boolean {
  const parts = name.split(/[^\p{L}\p{N}]+/u).map(withoutDigits);
  const whole = parts.join('');
  if (ROLES.has(whole) || parts.some((part) => part.length >= rolePartLengthMin && ROLES.has(part)))
    return true;
  const isBeside = (part: string): boolean => ROLES.has(part) || BESIDE.has(part);
  if (parts.some((part) => ROLES.has(part)) && parts.every(isBeside)) return true;
  if (ROLE_AT_AN_END.test(whole)) return true;
  const labels = new Set(domain.split('.').filter((label) => label.length >= nameLengthMin));
  // a name of two letters would be made of such words by chance
  const isRolePart = (part: string): boolean => part.length >= nameLengthMin && ROLES.has(part);
  const isKnown = (part: string): boolean => isRolePart(part) || BESIDE.has(part) || labels.has(part);
  const hasRole = Array.from(whole, (_, at) => at).some((start) => isRoleFrom(whole, start, isRolePart));
  return hasRole && isMadeOf(whole, isKnown);
}

/** Whether a role of four letters or more begins at a place of a name. */
function isRoleFrom(name: string, start: number, isRolePart: (part: string) => boolean): boolean {
  for (let end = start + rolePartLengthMin; end <= name.length; end++)
    if (isRolePart(name.slice(start, end))) return true;
  return false;
}

/** Whether a name is typed to fill a field, or cannot say who somebody is. */
function isTypedName(name: string, word: string, domain: string): boolean {
  const whole = plainWord(name);
  const digits = whole.replace(/\D/g, '');
  if (whole.length < nameLengthMin || domain.split('.').includes(whole)) return true;
  if (word.length < 2) return digits.length < digitsMin || isTypedDigits(digits);
  if (domain.split('.').slice(0, -1).includes(word)) return true;
  const parts = name.split(/[^\p{L}]+/u).filter((part) => part !== '');
  const isNobodys = (part: string): boolean => NOBODYS.has(part);
  return (
    NO_ADDRESS.test(word) ||
    isMadeOfNobodys(word) ||
    parts.every(isNobodys) ||
    isKeyboardRun(word) ||
    isRepeated(word, 1) ||
    isMixedScript(word)
  );
}

/** `fakeemail` and `mytest`: such words, and those of a role beside them. */
function isMadeOfNobodys(word: string): boolean {
  const isBeside = (part: string): boolean => part.length >= rolePartLengthMin && ROLES.has(part);
  return isMadeOf(word, (part) => NOBODYS.has(part) || isBeside(part));
}

/** Letters of two alphabets that look alike: such an address is made to be taken for another. */
function isMixedScript(word: string): boolean {
  return /\p{Script=Latin}/u.test(word) && /[\p{Script=Cyrillic}\p{Script=Greek}]/u.test(word);
}

/** Whether a domain is reserved, cannot exist, or is typed to fill a field. */
function isTypedDomain(domain: string): boolean {
  if (RESERVED.test(domain)) return true;
  const labels = domain.split('.');
  if (!TOP_LEVEL.test(labels.at(-1) ?? '')) return true;
  const [label = ''] =
    labels.length > 2 && (labels.at(-2) ?? '').length <= 3 ? labels.slice(-3) : labels.slice(-2);
  return (
    label.length < 2 ||
    NO_ADDRESS.test(label) ||
    isMadeOf(label, (part) => NOBODYS.has(part) && !USED.has(part)) ||
    /^(your|my|deine?|ihre?|meine?|votre|mon|tu|mi)?(domain|company|website|provider|firma|empresa|azienda|entreprise|bedrijf)$/.test(
      label,
    ) ||
    (isKeyboardRun(label) && !USED.has(label)) ||
    (isRepeated(label, 1) && label.length >= nameLengthMin)
  );
}

/** Words among the names of real providers and companies: `me.com`, `abc.net.au`. */
const USED: ReadonlySet<string> = new Set([
  'me',
  'my',
  'you',
  'us',
  'abc',
  'xyz',
  'name',
  'random',
  'si',
  'ja',
  'first',
  'ok',
]);
