import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** How the server answers a request. `pieces` come one event each, `intervalMs` (0) apart. */
export type TestAnswer =
  /** A whole reply; `ending` (`both`): whether finish_reason, [DONE] or both say so. */
  | {
      readonly kind: 'reply';
      readonly pieces: readonly string[];
      readonly intervalMs?: number;
      readonly ending?: 'both' | 'finish_reason' | 'done';
      /** Said behind the reply. */
      readonly usage?: object;
    }
  /** The pieces, then the end of the response, orderly (`end`) or by a reset connection. */
  | { readonly kind: 'cut'; readonly pieces: readonly string[]; readonly by: 'end' | 'reset' }
  /** The pieces, then nothing, until the client gives up. Without `pieces` not even headers come. */
  | { readonly kind: 'stall'; readonly pieces?: readonly string[] }
  /** The pieces, then an event of this data, e.g. half a JSON object or an error object. */
  | { readonly kind: 'event'; readonly pieces: readonly string[]; readonly data: string }
  /** A refusal, e.g. 429 with Retry-After. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Iterable<string>;
      /** The connection closes after the body, whatever the headers promised. */
      readonly breaksOff?: boolean;
    }
  /** Status 200 and these bytes, each written by itself. */
  | {
      readonly kind: 'raw';
      readonly chunks: readonly (string | Uint8Array)[];
      readonly contentType?: string;
      readonly intervalMs?: number;
    };

/** The data of a chat.completion.chunk with this piece. */
export function chunkData(content: string): string {
  return JSON.stringify({
    id: 'chatcmpl-test',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  });
}

const finishData = JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });

/** What a server without a script says: the words of the text, one piece each. */
export function echoAnswer(text: string): TestAnswer & { readonly kind: 'reply' } {
  const pieces = ['You said: ', ...(text.match(/\S+\s*/g) ?? [])];
  return { kind: 'reply', pieces, usage: { prompt_tokens: text.length, completion_tokens: pieces.length } };
}

/** A JSON answer. */
export function jsonAnswer(body: unknown): TestAnswer {
  return { kind: 'raw', contentType: 'application/json', chunks: [JSON.stringify(body)] };
}

/** Bytes of a sort. */
export function bytesAnswer(contentType: string, bytes: Uint8Array): TestAnswer {
  return { kind: 'raw', contentType, chunks: [bytes] };
}

/** One of src/testing/samples, e.g. `voice.mp3`. */
export function sample(name: string): Buffer {
  return readFileSync(new URL(`samples/${name}`, import.meta.url));
}

/** What `/images/generations` answers. */
export function pictureAnswer(bytes: Uint8Array): TestAnswer {
  return jsonAnswer({ created: 0, data: [{ b64_json: Buffer.from(bytes).toString('base64') }] });
}

/** Waits, but no longer than the response lives; leaves neither timer nor listener behind. */
async function whileOpen(response: ServerResponse, wait: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const either = [wait(over.signal), once(response, 'close', { signal: over.signal })];
  await Promise.race(either).finally(() => over.abort());
}

async function writeAll(
  response: ServerResponse,
  chunks: Iterable<string | Uint8Array>,
  intervalMs: number,
): Promise<void> {
  let first = true;
  for (const chunk of chunks) {
    if (!first && intervalMs > 0) await whileOpen(response, (signal) => sleep(intervalMs, undefined, { signal }));
    first = false;
    if (response.destroyed) return;
    if (!response.write(chunk)) await whileOpen(response, (signal) => once(response, 'drain', { signal }));
  }
}

const event = (data: string) => `data: ${data}\n\n`;

async function stream(response: ServerResponse, pieces: readonly string[], intervalMs = 0): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
  await writeAll(
    response,
    pieces.map((piece) => event(chunkData(piece))),
    intervalMs,
  );
}

/** Answers. */
export async function give(answer: TestAnswer, response: ServerResponse): Promise<void> {
  switch (answer.kind) {
    case 'reply': {
      const { pieces, intervalMs, ending = 'both', usage } = answer;
      await stream(response, pieces, intervalMs);
      if (ending !== 'done') response.write(event(finishData));
      if (usage !== undefined) response.write(event(JSON.stringify({ choices: [], usage })));
      response.end(ending === 'finish_reason' ? '' : event('[DONE]'));
      return;
    }
    case 'cut':
      await stream(response, answer.pieces);
      if (answer.by === 'end') response.end();
      else response.socket?.resetAndDestroy();
      return;
    case 'stall':
      if (answer.pieces !== undefined) await stream(response, answer.pieces);
      return;
    case 'event':
      await stream(response, answer.pieces);
      response.end(event(answer.data));
      return;
    case 'status': {
      const { status, headers, body = '', breaksOff = false } = answer;
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      await writeAll(response, typeof body === 'string' ? [body] : body, 0);
      if (breaksOff) response.write('', () => response.socket?.destroy());
      else response.end();
      return;
    }
    case 'raw':
      response.writeHead(200, { 'content-type': answer.contentType ?? 'text/event-stream' });
      await writeAll(response, answer.chunks, answer.intervalMs ?? 0);
      response.end();
      return;
    default:
      answer satisfies never;
  }
}
