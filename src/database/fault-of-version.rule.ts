/** The oldest major version of Postgres on which the SQL runs. */
const oldestMajor = 15;

/**
 * What is wrong with a version of Postgres, in one line with what to do; `null`: nothing.
 *
 * @param versionNum as Postgres's `server_version_num` has it: 150004 is 15.4
 */
export function faultOfVersion(versionNum: number): string | null {
  const major = Math.floor(versionNum / 10_000);
  if (major >= oldestMajor) return null;
  return `The server of DATABASE_URL is Postgres ${major}, and this service needs ${oldestMajor} or newer: upgrade it, or leave DATABASE_URL out to use the embedded Postgres`;
}
