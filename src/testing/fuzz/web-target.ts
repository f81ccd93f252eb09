import { status as grpcStatus } from '@grpc/grpc-js';
import { framed } from '../attacks/calls.ts';
import { portOf } from '../attacks/target.ts';
import type { ParleyServer } from '../server.ts';
import { rawExchange } from './raw-exchange.ts';
import { RecordedCalls } from './recorded-calls.ts';
import { type FuzzInput, type FuzzInputs, type FuzzTarget, oneOf } from './target.ts';

/** A request by HTTP/1 as a page makes it. */
export function webRequest(path: string, body: Buffer, more: readonly string[] = [], type = 'grpc-web'): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'connection: close',
    `content-type: application/${type}+proto`,
    'x-grpc-web: 1',
    ...more,
    `content-length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** How HTTP and gRPC call the answer. */
export function webAnswer(received: Buffer, ended: string): string {
  const text = received.toString('latin1');
  const http = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
  if (http === undefined) return `nothing, ${ended}`;
  const code = /grpc-status: (\d+)\r\n/.exec(text)?.[1];
  return code === undefined ? http : `${http} ${grpcStatus[Number(code)] ?? code}`;
}

/** Bodies of a page's calls, mutated, or the whole of their requests. */
class Requests implements FuzzInputs {
  readonly #port: number;
  readonly #recorded: RecordedCalls;

  constructor(port: number, recorded: RecordedCalls) {
    this.#port = port;
    this.#recorded = recorded;
  }

  next(random: () => number): FuzzInput {
    const { path, messages } = oneOf(random, this.#recorded.calls);
    const body = framed(oneOf(random, messages));
    const own = this.#recorded.nextClient();
    const send = async (request: Buffer) => {
      const { received, ended } = await rawExchange(this.#port, own(request));
      return webAnswer(received, ended);
    };
    if (random() < 0.5) return { bytes: webRequest(path, body), send };
    if (random() < 0.5) return { bytes: body, send: (mutated) => send(webRequest(path, mutated)) };
    const text = Buffer.from(body.toString('base64'));
    return { bytes: text, send: (mutated) => send(webRequest(path, mutated, [], 'grpc-web-text')) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#recorded[Symbol.asyncDispose]();
  }
}

/** Calls of gRPC-Web to the HTTP port. */
export async function webTarget(): Promise<FuzzTarget> {
  return {
    settings: {},
    async inputs({ address, httpAddress }: ParleyServer) {
      return new Requests(portOf(httpAddress), await RecordedCalls.record(address));
    },
    async [Symbol.asyncDispose]() {},
  };
}
