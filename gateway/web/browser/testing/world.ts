import { newAuthority, newCertificate } from '../../../../src/testing/certificates.ts';
import { type EnvoyEngine, startEnvoy } from '../../../../src/testing/engines/envoy.ts';
import { freePort } from '../../../../src/testing/engines/free-port.ts';
import {
  type ChatScript,
  type OpenAiTestServer,
  startOpenAiTestServer,
} from '../../../../src/testing/openai-test-server.ts';
import { type ParleyServer, startServer } from '../../../../src/testing/server.ts';

/** The ways from a browser to the server; everything must come out the same over both. Envoy's is TLS with HTTP/2. */
export const doors = ['bridge', 'envoy'] as const;
export type Door = (typeof doors)[number];

export interface WorldOptions {
  /** PARLEY_* settings. */
  readonly env?: Readonly<Record<string, string>>;
  /** How a model answers, instead of the simulated one. */
  readonly script?: ChatScript;
  /** Of `url`; any free one otherwise. */
  readonly port?: number;
}

/** A server as a user runs it, the way to it, and the model that answers. */
export class World implements AsyncDisposable {
  /** What a browser opens. */
  readonly url: string;
  readonly #server: { current: ParleyServer };
  readonly #envoy: EnvoyEngine | undefined;
  readonly #model: OpenAiTestServer | undefined;

  private constructor(url: string, server: ParleyServer, envoy?: EnvoyEngine, model?: OpenAiTestServer) {
    this.url = url;
    this.#server = { current: server };
    this.#envoy = envoy;
    this.#model = model;
  }

  static async start(door: Door, { env = {}, script, port }: WorldOptions = {}): Promise<World> {
    const model = script && (await startOpenAiTestServer({ script }));
    const answering: Record<string, string> =
      model === undefined
        ? {}
        : { PARLEY_PROVIDER: 'openai', PARLEY_OPENAI_BASE_URL: model.baseUrl, PARLEY_OPENAI_MODEL: 'test' };
    const settings = { ...answering, ...env };
    if (door === 'envoy') return World.#behindEnvoy(port ?? (await freePort()), settings, model);
    const listen = { PARLEY_HTTP_LISTEN: `127.0.0.1:${port ?? 0}` };
    const server = await startServer({ env: { ...listen, ...settings } });
    return new World(`http://${server.httpAddress}/`, server, undefined, model);
  }

  static async #behindEnvoy(
    port: number,
    settings: Readonly<Record<string, string>>,
    model?: OpenAiTestServer,
  ): Promise<World> {
    const url = `https://127.0.0.1:${port}`;
    // The URLs of media must be such that a page of that origin may ask for them.
    const behind = { PARLEY_HTTP_PUBLIC_URL: url, PARLEY_TRUSTED_PROXIES: '127.0.0.1' };
    const server = await startServer({ env: { ...behind, ...settings } });
    const certificate = await newCertificate(await newAuthority('Tests in a browser'), 'Envoy');
    const envoy = await startEnvoy({ gateways: [server], port, certificate });
    return new World(`${url}/`, server, envoy, model);
  }

  /** The server that runs now, or did last. */
  get server(): ParleyServer {
    return this.#server.current;
  }

  get envoy(): EnvoyEngine {
    if (this.#envoy === undefined) throw new Error('there is no Envoy over the bridge');
    return this.#envoy;
  }

  get model(): OpenAiTestServer {
    if (this.#model === undefined) throw new Error('without a script, no model answers');
    return this.#model;
  }

  /** The server is gone from one moment to the next. */
  async kill(): Promise<void> {
    await this.server.stop('SIGKILL');
  }

  /** It starts again, on the same data and ports. */
  async startAgain(): Promise<void> {
    this.#server.current = await this.server.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#envoy?.[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await this.#model?.[Symbol.asyncDispose]();
  }
}
