import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Code } from '@connectrpc/connect';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Refusal } from '../client/refusal.ts';
import { answerAtOnce, complete, ScriptedServer } from '../client/testing/scripted-server.ts';
import { mayEndOther } from './chat-command.ts';
import { StateFile } from './state-file.ts';
import type { Outcome } from './testing/client-process.ts';
import { runClient, startClient } from './testing/client-process.ts';

let server: ScriptedServer;
let stateHome: string;

beforeEach(async () => {
  server = await new ScriptedServer().start();
  stateHome = mkdtempSync(join(tmpdir(), 'parley-cli-'));
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(stateHome, { recursive: true });
});

function parley(args: readonly string[], input: string | Uint8Array = ''): Promise<Outcome> {
  return runClient(stateHome, args, input);
}

function chat(input: string | Uint8Array, ...more: string[]): Promise<Outcome> {
  return parley(['chat', '--address', server.address, '--client', 'ann', ...more], input);
}

/** @returns the exit code, though the input never ends */
async function chatWithOpenInput(input: string, { address, stateHome }: { address: string; stateHome: string }) {
  const child = startClient(stateHome, ['chat', '--address', address, '--client', 'ann']);
  child.stdin?.write(input);
  const [code] = await once(child, 'exit');
  return code;
}

describe('a session on another device', () => {
  const refused = new Refusal(Code.AlreadyExists, '', { reason: 'ALREADY_CONNECTED' });
  const signedIn = { fresh: async () => ({ text: 'token', renewAtMs: undefined }) };

  test.each([
    ['yes\n', refused, signedIn, true],
    ['no\n', refused, signedIn, false],
    // Who is not signed in is not asked.
    ['yes\n', refused, { fresh: async () => undefined }, false],
    ['yes\n', new Refusal(Code.Aborted, '', { reason: 'DISCONNECTED' }), signedIn, false],
  ])('is ended when whoever is signed in answers yes: %j', async (answer, error, tokens, expected) => {
    const input = new PassThrough();
    input.end(answer);
    const endpoint = { address: server.address, tokens };
    expect(await mayEndOther(error, endpoint, input, new PassThrough())).toBe(expected);
  });

  test('is ended without a question by --take-over', async () => {
    await chat('one\n', '--take-over');
    await chat('two\n');
    expect(server.hellos.map(({ takeOver }) => takeOver)).toEqual([true, false]);
  });
});

describe('parley chat, with input from a pipe', () => {
  test('says each line, prints the replies and nothing else, and leaves politely', async () => {
    expect(await chat('one\n\ntwo\n')).toEqual({ exitCode: 0, output: 'You said: one\nYou said: two\n', errors: '' });
    expect(server.frames.at(-1)?.$case).toBe('goodbye');
  });

  test('goes on with the last conversation, unless told otherwise', async () => {
    await chat('one\n');
    await chat('two\n');
    expect(server.hellos[1]).toMatchObject({ conversationId: 'c1', resumeToken: 'token-1', afterSequence: 2n });
    await chat('three\n', '--new', '--time-zone', 'Asia/Kolkata', '--wait', '5');
    expect(server.hellos[2]).toMatchObject({
      conversationId: '',
      resumeToken: 'token-2',
      timeZone: 'Asia/Kolkata',
      waitForSlot: { seconds: 5n },
    });
  });

  test('keeps its token where only its owner can read it', async () => {
    await chat('one\n');
    const folder = join(stateHome, 'parley');
    const [file = ''] = readdirSync(folder);
    expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(folder, file), 'utf8'))).toEqual({
      resumeToken: 'token-1',
      conversationId: 'c1',
      afterSequence: '2',
    });
  });

  test('tells what was refused, goes on, and fails in the end', async () => {
    server.answer = (message, tell) => {
      if (server.messages.length > 1) return answerAtOnce(message, tell, server);
      const { messageId, clientMessageId } = message;
      tell({
        $case: 'rejected',
        value: { clientMessageId, messageId, reason: 'POISON', detail: 'Given up.', retryable: false },
      });
    };
    const { exitCode, output, errors } = await chat('one\ntwo\n');
    expect({ exitCode, output }).toEqual({ exitCode: 1, output: 'You said: two\n' });
    expect(errors).toBe('POISON: Given up — put it in other words.\n');
  });

  // Cause: a script took the beginning of a reply for all of it.
  test('fails when a reply has no end, and goes on', async () => {
    server.answer = (message, tell) => {
      complete(message, 'The half of', () => undefined, server);
      tell({ $case: 'message', value: { ...server.messages.at(-1), incomplete: true } as never });
    };
    expect(await chat('one\n')).toEqual({
      exitCode: 1,
      output: 'The half of  [incomplete]\n',
      errors: 'The reply is incomplete: the model ended it before its end.\n',
    });
  });

  // Cause: bytes of another encoding were said as replacement characters.
  test('says no line that is not UTF-8, and the others', async () => {
    expect(await chat(Buffer.from('caf\xe9\ncaf\xc3\xa9\n', 'latin1'))).toEqual({
      exitCode: 1,
      output: 'You said: café\n',
      errors: 'A line that is not UTF-8 was not sent.\n',
    });
    expect(server.messages).toHaveLength(2);
  });

  // Cause: a script ended the chat of whoever had forgotten a terminal.
  test('takes over no chat that is open, unless it is told to', async () => {
    await chat('one\n');
    const open = startClient(stateHome, ['chat', '--address', server.address, '--client', 'ann']);
    const second = once(server, 'frame');
    open.stdin?.write('two\n');
    await second;
    const refused = await chat('three\n');
    expect(refused).toMatchObject({ exitCode: 1, output: '' });
    expect(refused.errors).toMatch(
      /^Another chat \(process \d+\) is in this session\. End it there, or .*--take-over\.\n$/,
    );
    expect(await chat('four\n', '--take-over')).toMatchObject({ exitCode: 0, output: 'You said: four\n' });
    open.kill('SIGKILL');
  });

  // Cause: a script that was ended while there was no server wrote CANCELLED.
  test('is ended by a signal without a word, whatever it waits for', async () => {
    server.kill();
    const child = startClient(stateHome, ['chat', '--address', server.address, '--client', 'ann'], 'pipe');
    let told = '';
    child.stderr?.on('data', (text) => (told += String(text)));
    const failed = once(child.stderr ?? child, 'data');
    await failed;
    child.kill('SIGTERM');
    const [code] = await once(child, 'close');
    expect(code).toBe(143);
    expect(told).toMatch(/^Connecting to .* trying again\. `npm start` starts a server\.\n$/);
  });

  test('ends, and tells why in one line, when another chat has taken its session over', async () => {
    server.answer = (message, tell) => {
      answerAtOnce(message, tell, server);
      server.refuse({ code: status.ABORTED, reason: 'SESSION_TAKEN_OVER', detail: 'It goes on elsewhere.' });
    };
    expect(await chat('one\n/new\nthree\nfour\n')).toMatchObject({
      exitCode: 1,
      errors: 'SESSION_TAKEN_OVER: It goes on elsewhere — start again to take it back.\n',
    });
  });

  test('does not wait for an input that stays open, once it is told to quit or its session is gone', async () => {
    const options = { address: server.address, stateHome };
    expect(await chatWithOpenInput('one\n/quit\n', options)).toBe(0);
    server.answer = (message, tell) => {
      answerAtOnce(message, tell, server);
      server.refuse({ code: status.ABORTED, reason: 'SESSION_TAKEN_OVER' });
    };
    expect(await chatWithOpenInput('one\n', options)).toBe(1);
  });

  test('fails in one line when it is refused', async () => {
    server.refusals.push({
      code: status.RESOURCE_EXHAUSTED,
      reason: 'TOO_MANY_CLIENTS',
      detail: 'Every slot is taken.',
      retryDelayMs: 2_000,
    });
    expect(await chat('one\n')).toEqual({
      exitCode: 1,
      output: '',
      errors: 'TOO_MANY_CLIENTS: Every slot is taken — try again later, or stand in line longer with --wait.\n',
    });
  });
});

describe('usage', () => {
  test.each([
    ['an address that is none', ['chat', '--address', 'nowhere']],
    ['a time zone that is none', ['chat', '--time-zone', 'Mars/Olympus_Mons']],
    ['a wait that is no number', ['chat', '--wait', 'long']],
    ['an option that is none', ['usage', '--bogus']],
    ['a missing argument', ['disconnect']],
  ])('with %s ends with 2', async (_what, args) => {
    const { exitCode, errors } = await parley(args);
    expect(exitCode).toBe(2);
    expect(errors).toMatch(/^error: /);
  });

  test('a server that is not there is named, with 1', async () => {
    server.kill();
    const { exitCode, errors } = await parley(['usage', '--address', server.address]);
    expect({ exitCode, errors }).toEqual({
      exitCode: 1,
      errors: `No server answers at ${server.address}. Start one with \`npm start\`, or name another with --address.\n`,
    });
  });
});

describe('a state file', () => {
  test('is read as it was written, and one per client and server', () => {
    const state = { resumeToken: 't', conversationId: 'c', afterSequence: 9_007_199_254_740_993n };
    new StateFile(stateHome, 'host:1', 'ann/../bob').write(state);
    expect(new StateFile(stateHome, 'host:1', 'ann/../bob').read()).toEqual(state);
    expect(new StateFile(stateHome, 'host:1', 'bob').read()).toBeUndefined();
    expect(new StateFile(stateHome, 'host:1', 'ann/../bob').holder()).toBeUndefined();
    expect(new StateFile(stateHome, 'host:2', 'ann/../bob').read()).toBeUndefined();
    new StateFile(stateHome, 'host:1', `${'東'.repeat(127)}a`).write(state);
    expect(new StateFile(stateHome, 'host:1', `${'東'.repeat(127)}b`).read()).toBeUndefined();
  });

  test('names the process that has the session, while it runs', async () => {
    const file = new StateFile(stateHome, 'host:1', 'ann');
    file.write({ resumeToken: 't', conversationId: 'c', afterSequence: 1n });
    const other = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1_000)'], { stdio: 'ignore' });
    writeFileSync(file.path, readFileSync(file.path, 'utf8').replace(`"pid":${process.pid}`, `"pid":${other.pid}`));
    expect(file.holder()).toBe(other.pid);
    const ended = once(other, 'exit');
    other.kill('SIGKILL');
    await ended;
    expect(file.holder()).toBeUndefined();
  });

  test.each(['', '{', '{}', 'null', '{"resumeToken":"t","conversationId":"c","afterSequence":"x"}'])(
    'that holds %j is none',
    (text) => {
      const file = new StateFile(stateHome, 'host:1', 'ann');
      file.write({ resumeToken: 't', conversationId: 'c', afterSequence: 1n });
      writeFileSync(file.path, text);
      expect(file.read()).toBeUndefined();
    },
  );
});
