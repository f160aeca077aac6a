import { Argument, Command, InvalidArgumentError } from 'commander';
import { graceSecondsMax } from '../access/read-grant.rule';
import { containerOf, readEnvFile } from '../config/environment';
import { PROGRAM } from '../version';
import { EVENT_KINDS, type EventKind } from './compose-callback.rule';
import type { EventOptions } from './event';
import type { KeyOptions } from './keys';
import { Output, writeHelp } from './output';
import type { RegisterOptions } from './webhook-register';

const EXIT_CODES = `
Exit codes:
  0    done
  1    failed: the reason is on stderr
  2    the command line is wrong; nothing was done
  3    sync reconcile waits for --confirm
  130  interrupted`;

/** What a command does; an exit code where it is not 0. */
type Run = (output: Output, ...given: readonly unknown[]) => Promise<unknown>;

/**
 * The command line: every command with its arguments, options and examples.
 *
 * What a command does is in the file with its name, which is loaded only when the command runs.
 */
export function buildProgram(): Command {
  const program = new Command(commandName())
    .description('Mirrors the contacts of Sinch Conversation API projects in Postgres.')
    .version(PROGRAM.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureOutput({ writeOut: writeHelp })
    .showHelpAfterError('Add --help to see how the command is used.')
    .exitOverride()
    .addHelpText('after', EXIT_CODES)
    .addHelpText('after', examples('start', 'event create', 'keys list', 'keys create --help'));

  program
    .command('start')
    .description('run the service until Ctrl-C, like npm start')
    .action(async () => {
      await import('../main.js');
    });

  addKeys(program);
  addSync(program);
  addWebhook(program);
  addDuplicates(program);
  addEvent(program);
  leaf(program, 'doctor')
    .description('check everything that the service needs; exit code 1 when something is broken')
    .action(run(async (output) => (await import('./doctor.js')).examine(output), false));
  return program;
}

/** How the program is called where it runs. */
function commandName(): string {
  return containerOf() === null ? 'npm run mirror --' : 'mirror';
}

/** Command lines as the help shows them below the options. */
function examples(...lines: readonly string[]): string {
  const shown = lines.map((line) => `  ${commandName()} ${line}`);
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${shown.join('\n')}`;
}

function addKeys(program: Command): void {
  const keys = program.command('keys').description('create, list, rotate and revoke API keys');
  leaf(keys, 'create')
    .description('create a key and print it; it is never shown again')
    .requiredOption('--name <name>', 'what the key is for')
    .requiredOption('--scopes <scope,…>', 'what the key may do, separated by commas, such as contacts:read')
    .requiredOption('--projects <id,…>', "its projects, separated by commas; '*' for all")
    .option('--expires-at <time>', 'when the key stops working, such as 2030-01-31T00:00:00Z')
    .addHelpText('after', examples('keys create --name billing --scopes contacts:read --projects my-project'))
    .action(
      run(async (output, options) => (await import('./keys.js')).createKey(output, options as KeyOptions)),
    );
  leaf(keys, 'list')
    .description('list all keys, newest first')
    .action(run(async (output) => (await import('./keys.js')).listKeys(output)));
  leaf(keys, 'rotate')
    .description('give a key a new secret and print it')
    .argument('<id>', 'the id of the key, as keys list shows it')
    .option('--grace-seconds <n>', 'how long the old secret still works', graceSeconds, 0)
    .action(
      run(async (output, id, options) =>
        (await import('./keys.js')).rotateKey(
          output,
          id as string,
          (options as { graceSeconds: number }).graceSeconds,
        ),
      ),
    );
  leaf(keys, 'revoke')
    .description('revoke a key, or all keys of this database')
    .argument('[id]', 'the id of the key, as keys list shows it')
    .option('--all', 'revoke every key: use it on a copy of a database')
    .addHelpText('after', examples('keys revoke 5f1d7a84b0c2e9d3a6712c04be91d8f7', 'keys revoke --all'))
    .action(
      run(async (output, id, options) =>
        (await import('./keys.js')).revoke(
          output,
          id as string | undefined,
          (options as { all?: true }).all === true,
        ),
      ),
    );
}

function addSync(program: Command): void {
  const sync = program.command('sync').description('read all contacts from Sinch');
  leaf(sync, 'backfill')
    .description('read all contacts from Sinch into the mirror')
    .action(run(async (output) => (await import('./sync.js')).syncContacts(output, 'backfill', false)));
  leaf(sync, 'reconcile')
    .description('like backfill, then mark contacts as deleted that no longer exist at Sinch')
    .option('--confirm', 'mark contacts as deleted without a limit on their number')
    .action(
      run(async (output, options) =>
        (await import('./sync.js')).syncContacts(
          output,
          'reconcile',
          (options as { confirm?: true }).confirm === true,
        ),
      ),
    );
}

function addWebhook(program: Command): void {
  leaf(program.command('webhook').description("manage the app's webhook at Sinch"), 'register')
    .description("create or update this service's webhook at Sinch")
    .option('--url <url>', 'URL at which Sinch reaches the service (default: PUBLIC_URL)')
    .option('--replace <url>', "the service's old URL, whose webhook is moved")
    .addHelpText('after', examples('webhook register --url https://mirror.example.com'))
    .action(
      run(async (output, options) =>
        (await import('./webhook-register.js')).registerWebhook(output, options as RegisterOptions),
      ),
    );
}

function addDuplicates(program: Command): void {
  leaf(program.command('duplicates').description('find contacts that may be the same person'), 'scan')
    .description('scan all contacts for duplicates')
    .argument('[project_ids...]', 'only these projects')
    .addHelpText('after', examples('duplicates scan', 'duplicates scan my-project'))
    .action(
      run(async (output, projectIds) =>
        (await import('./duplicates-scan.js')).scanDuplicates(output, projectIds as readonly string[]),
      ),
    );
}

function addEvent(program: Command): void {
  leaf(program, 'event')
    .description(
      'send a signed test event to the running service; values that are not given are those of the contact, where it exists and can be read, or are generated',
    )
    .addArgument(new Argument('[kind]', 'what the event reports').choices(EVENT_KINDS).default('create'))
    .option(
      '--project <id>',
      'the project (default: the first of SINCH_PROJECT_IDS, else SINCH_PROJECT_ID, else my-project)',
    )
    .option('--id <id>', 'the id of the contact; of a merge, that of the survivor')
    .option(
      '--other-id <id>',
      'for merge and duplicates: the id of the contact that is merged, or of the other duplicate',
    )
    .option('--name <name>', 'its display name')
    .option('--phone <number>', 'its phone number, such as +12025550123')
    .option('--email <address>', 'its e-mail address')
    .option('--external-id <id>', 'its id in another system')
    .addHelpText(
      'after',
      examples('event', "event create --name 'Ada Lovelace' --phone +12025550123", 'event merge'),
    )
    .action(
      run(async (output, kind, options) =>
        (await import('./event.js')).sendEvent(output, kind as EventKind, options as EventOptions),
      ),
    );
}

/** A command that does something, as opposed to one that has commands. */
function leaf(parent: Command, name: string): Command {
  return parent.command(name).option('--json', 'print the result as JSON');
}

/**
 * Runs what a command does, and sets the exit code. Commander gives arguments, then options, then the command itself.
 *
 * @param readsFile whether the file of ENV_FILE is read before; `false`: the command reads it itself
 */
function run(work: Run, readsFile = true): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.pop() as Command; // as commander documents it
    const output = new Output(command.opts<{ json?: true }>().json === true);
    const read = readsFile ? readEnvFile() : null;
    if (read !== null) output.note(read);
    const exitCode = await work(output, ...given);
    process.exitCode = typeof exitCode === 'number' ? exitCode : 0;
  };
}

function graceSeconds(text: string): number {
  const seconds = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= graceSecondsMax) return seconds;
  throw new InvalidArgumentError(`It must be a whole number from 0 to ${graceSecondsMax}.`);
}
