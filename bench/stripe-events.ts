import { contactsMin, digits, name, type Random, text } from './callbacks';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** Of the callbacks that are CREATE or UPDATE (`callbacks`), the part that is CREATE. */
const createdPart = 40 / 85;
/** Unix seconds of the first event. Each of the others is a second later, because the peer drops an event that is no newer. */
const beganSeconds = 1_700_000_000;

/** An event about a customer. */
export interface StripeEvent {
  /** As Stripe sends it, without its line breaks. */
  readonly body: string;
  readonly customer: string;
  readonly isUpdate: boolean;
}

/** A customer as the sender remembers it. */
interface Customer {
  readonly id: string;
  readonly name: string;
  readonly digits: string;
  readonly created: number;
}

/**
 * Events about customers of their own, no two alike and as long as the callbacks on average: `customer.created` and
 * `customer.updated`, as often as CREATE and UPDATE among callbacks.
 *
 * An update is about a customer that an earlier event created, and brings other metadata and, one time in four, another name.
 */
export function* stripeEvents(random: Random, count: number): Generator<StripeEvent> {
  const live: Customer[] = [];
  for (let n = 0; n < count; n++) {
    const at = Math.floor(random() * live.length);
    const known = live[at];
    const isUpdate = known !== undefined && live.length >= contactsMin && random() >= createdPart;
    const created = beganSeconds + n;
    const customer = isUpdate
      ? { ...known, ...(random() < 0.25 && { name: name(random) }) }
      : { id: `cus_${letters(random, 14)}`, name: name(random), digits: digits(random), created };
    live[isUpdate ? at : live.length] = customer;
    yield {
      body: JSON.stringify(event(random, customer, created, isUpdate)),
      customer: customer.id,
      isUpdate,
    };
  }
}

function event(random: Random, customer: Customer, created: number, isUpdate: boolean): object {
  return {
    id: `evt_${letters(random, 24)}`,
    object: 'event',
    api_version: '2020-08-27',
    created,
    data: { object: customerObject(random, customer) },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type: isUpdate ? 'customer.updated' : 'customer.created',
  };
}

/** With the fields that Stripe's API of that version has. */
function customerObject(random: Random, { id, name, digits, created }: Customer): object {
  return {
    id,
    object: 'customer',
    address: null,
    balance: 0,
    created,
    currency: 'eur',
    default_source: null,
    delinquent: false,
    description: `crm-${digits}`,
    discount: null,
    email: `${digits}@example.com`,
    invoice_prefix: digits.slice(0, 8),
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null },
    livemode: false,
    metadata: { note: text(random, Math.floor(random() * noteLengthMax)) },
    name,
    next_invoice_sequence: 1,
    phone: `+${digits}`,
    preferred_locales: ['en'],
    shipping: null,
    tax_exempt: 'none',
  };
}

/** Chosen so that events are as long as callbacks. */
const noteLengthMax = 200;

function letters(random: Random, length: number): string {
  let written = '';
  while (written.length < length) written += ALPHABET.charAt(Math.floor(random() * ALPHABET.length));
  return written;
}

/** What the customers' table has more after some events. */
export interface Rows {
  readonly customers: number;
  /** Of them, those that were updated. */
  readonly updated: number;
}

/** @param events about customers that the table does not have yet */
export function rowsOf(events: readonly StripeEvent[]): Rows {
  const updates = events.filter(({ isUpdate }) => isUpdate);
  return {
    customers: new Set(events.map(({ customer }) => customer)).size,
    updated: new Set(updates.map(({ customer }) => customer)).size,
  };
}
