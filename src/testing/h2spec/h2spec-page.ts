import { readFile } from 'node:fs/promises';

const page = new URL('../../../docs/h2spec.md', import.meta.url);

/** What a port does with a case. varies: the server's answer and a frame of h2spec are on their way at once. */
export const expectations = ['passed', 'failed', 'skipped', 'varies'] as const;
export type Expectation = (typeof expectations)[number];

/** The gRPC port without TLS, the HTTP port with it (without, it does not speak HTTP/2), and Envoy's with it, before a gateway. */
export const ports = ['grpc', 'http', 'envoy'] as const;
export type Port = (typeof ports)[number];

/** A case that one of the ports does not pass, or not always. */
export interface Row extends Readonly<Record<Port, Expectation>> {
  readonly id: string;
  readonly title: string;
}

const row = /^\| `([^`]+)` (.+?) \| (\w+) \| (\w+) \| (\w+) \|/gm;

/** docs/h2spec.md. */
export interface Page {
  readonly text: string;
  readonly rows: readonly Row[];
}

/** Throws when a row says of a port what none can do. */
export async function readPage(): Promise<Page> {
  const text = await readFile(page, 'utf8');
  const rows = Array.from(text.matchAll(row), ([, id = '', title = '', grpc = '', http = '', envoy = '']) => {
    return { id, title, grpc: expectation(grpc), http: expectation(http), envoy: expectation(envoy) };
  });
  return { text, rows };
}

function expectation(word: string): Expectation {
  const found = expectations.find((one) => one === word);
  if (found === undefined)
    throw new Error(`docs/h2spec.md says "${word}" of a port, not one of ${expectations.join()}`);
  return found;
}
