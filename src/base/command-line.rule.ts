/**
 * How a command of the service is run from where its line is read.
 *
 * @param container the id of the container that the service runs in; `null`: it runs in none
 * @param command with its arguments, such as `keys list`
 */
export function commandLine(container: string | null, command: string): string {
  return container === null ? `npm run mirror -- ${command}` : inContainer(container, `mirror ${command}`);
}

/** How a command of the system is run where the service's files are. */
export function inContainer(container: string | null, command: string): string {
  return container === null ? command : `docker exec ${container} ${command}`;
}
