import { execFileSync } from 'node:child_process';
import { afterEach, expect, test } from '@jest/globals';
import { shapes } from '../testing/black-box-client.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { askUntilAnswered, eventually, TestSessions } from '../testing/test-sessions.ts';

const clients = 5;
/** A gateway suspends its sessions after 12 s without the log's answer; the rest is for a busy machine. */
const suspendTimeoutMs = 60_000;

let server: ParleyServer | undefined;

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
});

/** Files of the server that already have this size may not grow: the log's writes fail. */
function limitFiles({ pid }: ParleyServer, bytes: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
}

async function readiness({ httpAddress }: ParleyServer): Promise<string> {
  return (await fetch(`http://${httpAddress}/readyz`)).text();
}

// Linux has prlimit, which changes the limits of a process that runs.
(process.platform === 'linux' ? test.each : test.skip.each)(shapes)(
  'an outage of the log until the gateway suspends its sessions costs nobody the stream or a message (%s)',
  async (shape) => {
    const running = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
    server = running;
    await using testSessions = new TestSessions(running, shape);
    const sessions = await Promise.all(Array.from({ length: clients }, () => testSessions.connect()));
    await Promise.all(sessions.map(({ session }) => session.ask('before', 'before')));

    limitFiles(running, '4096');
    // The log may have pages to spare: it is away when it says so.
    const refusals = sessions.map(async ({ session }) => {
      for (let index = 0; ; index += 1) {
        const told = await session.text('x'.repeat(8_000), `during-${index}`).catch((error: unknown) => error);
        if (told instanceof Error) return { index, told };
      }
    });
    for (const { told } of await Promise.all(refusals)) expect(told).toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    await eventually(
      () => readiness(running),
      (text) => text.includes('suspended'),
      suspendTimeoutMs,
    );
    expect(sessions.filter(({ session }) => session.isOver)).toEqual([]);

    limitFiles(running, 'unlimited');
    await eventually(
      () => readiness(running),
      (text) => text === 'ready\n',
    );
    for (const { session, welcome } of sessions) {
      await askUntilAnswered(session, 'after');
      expect(session.isOver).toBe(false);
      // History follows the log; whoever has the reply may ask before it is there.
      const said = await eventually(
        async () =>
          (await wholeConversation(running.address, welcome.conversationId)).map(
            ({ clientMessageId }) => clientMessageId,
          ),
        (known) => known.includes('after'),
      );
      for (const id of ['before', 'after']) expect(said.filter((known) => known === id)).toHaveLength(1);
    }
    expect(await running.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await runParley(['audit', '--json'], { PARLEY_DATA_DIR: running.dataDir })).toMatchObject({ code: 0 });
  },
);
