/**
 * What a person can do about a Postgres that cannot be reached.
 *
 * @param code of the error: the operating system's, or Postgres's
 * @param variable the name of what says where Postgres is
 * @returns one sentence; `null` where the error itself says all that we know
 */
export function adviseOnAway(code: string | null, variable: string): string | null {
  switch (code) {
    case 'ENOTFOUND':
      return `The host in ${variable} is unknown: check its name.`;
    case 'EAI_AGAIN':
      return `The host in ${variable} could not be looked up: check its name, and the name server of this machine.`;
    case 'ECONNREFUSED':
      return `Nothing listens there: check the host and port in ${variable}, and whether Postgres runs.`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `There is no route to the host in ${variable}: check the host, and the network of this machine.`;
    case 'ETIMEDOUT':
      return `The host in ${variable} does not answer: check the host, and the firewalls on the way.`;
    case 'ENOENT':
      return `A file that ${variable} names, such as the socket, does not exist: check its path, and whether Postgres runs.`;
    case null:
    default:
      return null;
  }
}
