import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type Server as TlsServer } from 'node:tls';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { TlsConfig } from '../config/config.ts';
import type { Logger } from '../ports/telemetry.ts';

/** How often the files are looked at. Watching them instead misses files that are swapped by a link, as Kubernetes does. */
const pollMs = 2_000;

/** The files cannot be used. */
export class CertificatesInvalid extends Error {
  override readonly name = 'CertificatesInvalid';
}

interface Certificates {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Of client certificates; undefined when none are asked for. */
  readonly ca: Buffer | undefined;
  /** Of all three. */
  readonly digest: string;
  /** When the certificate ends, milliseconds since the epoch. */
  readonly expiresMs: number;
}

type Provider = experimental.CertificateProvider;
type IdentityListener = experimental.IdentityCertificateUpdateListener;
type CaListener = experimental.CaCertificateUpdateListener;

/**
 * The certificate of both ports, read again when its files change: new connections get the new one, those that are open go on. Files that
 * cannot be used leave the former ones in force.
 */
export class CertificateFiles implements Provider, AsyncDisposable {
  readonly #files: TlsConfig;
  readonly #logger: Logger;
  readonly #onChange = new Set<(certificates: Certificates) => void>();
  readonly #identityListeners = new Map<IdentityListener, (certificates: Certificates) => void>();
  readonly #caListeners = new Map<CaListener, (certificates: Certificates) => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  #current: Certificates;
  #looking: Promise<void> = Promise.resolve();

  private constructor(files: TlsConfig, logger: Logger, first: Certificates) {
    this.#files = files;
    this.#logger = logger;
    this.#current = first;
    this.#timer = setInterval(() => {
      this.#looking = this.#look();
    }, pollMs);
    this.#timer.unref();
  }

  /** Reads the files, and looks after them from then on. Rejects with CertificatesInvalid. */
  static async open(files: TlsConfig, logger: Logger): Promise<CertificateFiles> {
    return new CertificateFiles(files, logger, await read(files));
  }

  /** Of the gRPC port; with an authority of client certificates, clients must show one. */
  grpcCredentials(): ServerCredentials {
    const asksClients = this.#current.ca !== undefined;
    return experimental.createCertificateProviderServerCredentials(this, asksClients ? this : null, asksClients);
  }

  /** For creating the HTTP port's server, which `keepFresh` then looks after. */
  get httpsOptions(): { readonly cert: Buffer; readonly key: Buffer } {
    return { cert: this.#current.cert, key: this.#current.key };
  }

  /** When the certificate in force ends, milliseconds since the epoch. */
  get expiresMs(): number {
    return this.#current.expiresMs;
  }

  /** Gives the server each new certificate. */
  keepFresh(server: TlsServer): void {
    this.#onChange.add(({ cert, key }) => server.setSecureContext({ cert, key }));
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    const tell = ({ cert, key }: Certificates) => listener({ certificate: cert, privateKey: key });
    this.#identityListeners.set(listener, tell);
    this.#add(tell);
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    remove(this.#onChange, this.#identityListeners, listener);
  }

  addCaCertificateListener(listener: CaListener): void {
    const tell = ({ ca }: Certificates) => listener(ca === undefined ? null : { caCertificate: ca });
    this.#caListeners.set(listener, tell);
    this.#add(tell);
  }

  removeCaCertificateListener(listener: CaListener): void {
    remove(this.#onChange, this.#caListeners, listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  #add(tell: (certificates: Certificates) => void): void {
    this.#onChange.add(tell);
    // grpc-js adds its own watcher only after this call returns, and must not miss the first certificate.
    queueMicrotask(() => tell(this.#current));
  }

  async #look(): Promise<void> {
    try {
      const found = await read(this.#files);
      if (found.digest === this.#current.digest) return;
      this.#current = found;
      for (const tell of this.#onChange) tell(found);
      this.#logger.info({ certFile: this.#files.certFile }, 'the certificate has changed');
    } catch (error) {
      this.#logger.error({ err: error }, 'the changed certificate cannot be used; the former one stays in force');
    }
  }
}

function remove<L>(
  onChange: Set<(certificates: Certificates) => void>,
  listeners: Map<L, (certificates: Certificates) => void>,
  listener: L,
): void {
  const tell = listeners.get(listener);
  if (tell !== undefined) onChange.delete(tell);
  listeners.delete(listener);
}

async function read({ certFile, keyFile, clientCaFile }: TlsConfig): Promise<Certificates> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    const ca = clientCaFile === '' ? undefined : await readFile(clientCaFile);
    createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) });
    // The context takes authorities that are none, and would then let nobody in.
    if (ca !== undefined) new X509Certificate(ca);
    const hash = createHash('sha256');
    for (const bytes of [cert, key, ca ?? '']) hash.update(bytes).update('\0');
    return { cert, key, ca, digest: hash.digest('hex'), expiresMs: Date.parse(new X509Certificate(cert).validTo) };
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new CertificatesInvalid(`the files of PARLEY_TLS_… cannot be used: ${what}`, { cause: error });
  }
}
