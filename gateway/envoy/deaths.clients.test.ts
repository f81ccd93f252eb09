import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { shapes } from '../../src/testing/black-box-client.ts';
import { call, clientOf, hangUp } from '../../src/testing/contract.ts';
import { type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { type ParleyServer, startServer } from '../../src/testing/server.ts';
import { eventually, refusalOf, TestSessions } from '../../src/testing/test-sessions.ts';

// Envoy answers UNAVAILABLE for a gateway that is not there. Once an answer has begun, it can only reset the stream (INTERNAL_ERROR), and has no
// setting for the code: what clients make of that, and that the rule of docs/errors.md brings them back.
const script = fileURLToPath(new URL('../../docs/examples/python/survive.py', import.meta.url));
const python = process.env['PARLEY_TEST_PYTHON'] ?? 'python3';
const grpcurl = process.env['GRPCURL'] ?? 'grpcurl';
/** A reply of some seconds, a word at a time. */
const env = {
  PARLEY_REFLECTION: 'on',
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
  PARLEY_SIMULATED_PIECES: '100',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: '300',
};

let server: ParleyServer;
let envoy: EnvoyEngine;

beforeAll(async () => {
  server = await startServer({ env });
  envoy = await startEnvoy({ gateways: [server] });
});

afterAll(async () => {
  for (const resource of [envoy, server]) await resource?.[Symbol.asyncDispose]();
});

/** Another program that is a client, and what it printed so far. */
class OtherClient implements AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<unknown>;
  readonly printed = { stdout: '', stderr: '' };

  constructor(command: string, args: readonly string[], input: string) {
    this.child = spawn(command, args);
    this.ended = once(this.child, 'close');
    for (const stream of ['stdout', 'stderr'] as const)
      this.child[stream].setEncoding('utf8').on('data', (chunk: string) => {
        this.printed[stream] += chunk;
      });
    // grpcurl ends its half of the stream with its input.
    this.child.stdin.write(input);
  }

  until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<string> {
    return eventually(
      async () => this.printed[stream],
      (text) => pattern.test(text),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

test.each(shapes)('to grpc-js the death of its gateway is INTERNAL without a reason: %s', async (shape) => {
  await using testSessions = new TestSessions(envoy, shape);
  const { session } = await testSessions.connect();
  server = await server.restart();
  expect(await refusalOf(session)).toMatchObject({ code: 'INTERNAL', reason: '', retryDelayMs: undefined });
});

test('to grpc-go it is the same', async () => {
  const hello = '{"hello":{"client_id":"go","time_zone":"Asia/Tokyo"}}';
  const call = ['-plaintext', '-d', '@', envoy.address, 'chat.v1.ChatService/Chat'];
  await using client = new OtherClient(grpcurl, call, hello);
  await client.until('stdout', /resumeToken/);
  server = await server.restart();
  // It reads its input to the end before it says what became of the call.
  client.child.stdin.end();
  await client.ended;
  expect(client.printed.stderr).toMatch(/Code: Internal\s+Message: stream terminated by RST_STREAM/);
  expect(client.printed.stderr).not.toContain('ErrorInfo');
});

test('while the gateway is away, Envoy answers UNAVAILABLE', async () => {
  await server.stop('SIGKILL');
  await using testSessions = new TestSessions(envoy, 'bidi');
  expect(await refusalOf(testSessions.dial({ clientId: 'early' }))).toMatchObject({ code: 'UNAVAILABLE', reason: '' });
  server = await server.restart();
});

test('a client in Python that follows the rules for lost streams and drafts prints a reply once', async () => {
  await using client = new OtherClient(python, [script, envoy.address], '');
  for (const words of [2, 8]) {
    await client.until('stdout', new RegExp(`(\\S+\\s+){${words}}`));
    server = await server.restart();
  }
  const operations = clientOf('chat.v1.OperationsService', server.address);
  const { connections } = await eventually(
    () => call(operations, 'ListActiveConnections', {}),
    (answer) => answer.connections.length === 1,
  );
  await client.ended;
  const history = clientOf('chat.v1.HistoryService', server.address);
  const [{ conversationId }] = connections;
  const { messages } = await eventually(
    () => call(history, 'ListMessages', { conversationId }),
    (answer) => answer.messages.length === 2,
  );
  for (const made of [operations, history]) hangUp(made);
  expect(client.printed).toEqual({
    stdout: messages[1].parts[0].text,
    stderr: expect.stringContaining('[lost: INTERNAL]'),
  });
});
