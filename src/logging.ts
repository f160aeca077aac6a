import type { LoggerService } from '@nestjs/common';
import { destination, type Logger as PinoLogger, pino } from 'pino';
import type { LogFormat, LogLevel } from './config/variables';
import { type LogEntry, prettyLine } from './pretty-line.rule';

/** The log as those parts see it that live before and beyond Nest. */
export type Log = Pick<PinoLogger, 'info' | 'warn' | 'error'>;

/** Nest logs every route and module at the start, which only helps to debug it. */
const TALKATIVE: ReadonlySet<string> = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** The service's log on stdout. Each entry is written before the call returns, so that none is lost in a crash. */
export function openLog(level: LogLevel, format: LogFormat): PinoLogger {
  const options = { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` };
  const stdout = destination({ fd: 1, sync: true });
  if (format === 'json') return pino(options, stdout);
  const hasColours = process.stdout.isTTY;
  return pino(options, {
    write: (line) => {
      stdout.write(`${prettyLine(JSON.parse(line) as LogEntry, hasColours)}\n`); // pino's own line
    },
  });
}

/** What Nest and every `new Logger(context)` of it write, in the service's log. */
export class NestLog implements LoggerService {
  constructor(private readonly pino: PinoLogger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write(TALKATIVE.has(contextOf(rest) ?? '') ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Errors keep their stack, objects give their fields, and the last text of `rest` names who speaks (Nest's convention). */
  private write(level: Exclude<LogLevel, 'silent'>, message: unknown, rest: readonly unknown[]): void {
    const context = contextOf(rest);
    const error = [message, ...rest].find((part) => part instanceof Error);
    const stack = rest.slice(0, -1).find((part) => typeof part === 'string');
    const fields = {
      ...(isFields(message) ? message : {}),
      ...(context === null ? {} : { context }),
      ...(error === undefined ? {} : { err: error }),
      ...(stack === undefined ? {} : { stack }),
    };
    if (isFields(message)) this.pino[level](fields);
    else this.pino[level](fields, message instanceof Error ? message.message : String(message));
  }
}

function contextOf(rest: readonly unknown[]): string | null {
  const last = rest.at(-1);
  return typeof last === 'string' ? last : null;
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(value instanceof Error);
}
