/**
 * Why there is no connection.
 *
 * `address-refused`: the host is, or has among its addresses, one that may not be contacted. `dns`: the name has no address, or
 * nobody could say. `connect-refused`: nobody takes the connection. `tls`: it was taken, and no trusted session came about.
 * `timeout`: it took too long.
 */
export type EgressReason = 'address-refused' | 'dns' | 'connect-refused' | 'tls' | 'timeout';

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
