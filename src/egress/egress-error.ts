import type { EgressReason } from './egress-reason.rule';

/** There is no connection, so nothing was sent. It never says what a name resolved to: that is the operator's network. */
export class EgressError extends Error {
  /** @param code of the system or of OpenSSL (`ECONNREFUSED`), for people; `null`: it has none */
  constructor(
    readonly reason: EgressReason,
    readonly code: string | null,
  ) {
    super(`No connection: ${reason}`);
  }
}
