/**
 * Why there is no connection.
 *
 * `address-refused`: the host is, or has among its addresses, one that may not be contacted. `dns`: the name has no address, or
 * nobody could say. `connect-refused`: nobody takes the connection. `tls`: it was taken, and no trusted session came about.
 * `timeout`: it took too long.
 */
export type EgressReason = 'address-refused' | 'dns' | 'connect-refused' | 'tls' | 'timeout';
