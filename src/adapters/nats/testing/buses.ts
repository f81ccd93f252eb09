import { randomUUID } from 'node:crypto';
import type { Logger } from '../../../ports/telemetry.ts';
import { type NatsBus, openNatsBus } from '../nats-bus.ts';

/** A deployment of its own for each test, though all share one server. */
export function newPrefix(): string {
  return `test-${randomUUID()}`;
}

/** What was logged, instead of logging it. */
export class Log implements Logger {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] = [];
  readonly debug = this.#at('debug');
  readonly info = this.#at('info');
  readonly warn = this.#at('warn');
  readonly error = this.#at('error');

  count(message: RegExp): number {
    return this.lines.filter((line) => message.test(line.message)).length;
  }

  #at(level: string) {
    return (fields: object, message: string) => {
      this.lines.push({ level, fields, message });
    };
  }
}

/** The bus of one process. */
export function openBus(servers: string, prefix: string, logger: Logger = new Log()): Promise<NatsBus> {
  return openNatsBus({ servers: servers.split(','), prefix, name: 'test', logger });
}

/** Waits for a condition, for as long as the test may take. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
