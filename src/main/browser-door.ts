import { fileURLToPath } from 'node:url';
import { ServerCredentials } from '@grpc/grpc-js';
import { type GrpcWebDoor, grpcWebDoor } from '../../gateway/door/grpc-web.ts';
import { diagramHeaders, pageHeaders } from '../../gateway/door/page-headers.ts';
import { type StaticFiles, staticFiles } from '../../gateway/door/static-files.ts';
import type { Config } from '../config/config.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import { maxFrameBytes } from '../domain/limits.ts';
import { cutFor, type ErrorMapping } from '../rpc/errors.ts';
import { doorKeyHeader } from '../rpc/peer-address.ts';
import { browserPaths, type RpcServer } from '../rpc/server.ts';
import { mediaOrigins } from './public-url.ts';

/** Beside the code, in the tree as well as in what is built of it. */
const pageFolder = fileURLToPath(new URL('../../gateway/web/dist/', import.meta.url));

/** What browsers find on the HTTP port. */
export interface BrowserDoor {
  /** undefined: no calls. */
  readonly grpcWeb: GrpcWebDoor | undefined;
  /** The web client, or why there is none: the rest of a sentence. */
  readonly page: StaticFiles | string;
}

export interface BrowserDoorOptions {
  readonly config: Config;
  /** undefined: this process takes no clients. */
  readonly rpc: RpcServer | undefined;
  readonly errors: ErrorMapping;
  readonly doorKey: string;
  /** Host and port, once it listens. */
  readonly httpAddress: () => string;
}

/** The web client and its calls, where this process takes clients. */
export async function openBrowserDoor({
  config,
  rpc,
  errors,
  doorKey,
  httpAddress,
}: BrowserDoorOptions): Promise<BrowserDoor> {
  if (rpc === undefined) return { grpcWeb: undefined, page: 'clients are taken by others.' };
  // Calls from here are not asked for certificates: they would be a way around them.
  if (config.tls !== undefined && config.tls.clientCaFile !== '')
    return { grpcWeb: undefined, page: 'chat is on the gRPC port, for clients with a certificate.' };
  const issuer = config.auth.kind === 'oidc' ? new URL(config.auth.issuer).origin : undefined;
  const headers = (path: string) =>
    path === '/diagrams.html' ? diagramHeaders() : pageHeaders({ media: mediaOrigins(config, httpAddress()), issuer });
  const unbuilt = 'the web client is not built: `npm run web` does, then start again.';
  return {
    grpcWeb: openGrpcWeb(config, rpc, errors, doorKey),
    page: (await staticFiles(pageFolder, headers)) ?? unbuilt,
  };
}

function openGrpcWeb(
  config: Config,
  { server, unfinished }: RpcServer,
  errors: ErrorMapping,
  doorKey: string,
): GrpcWebDoor {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return grpcWebDoor({
    serve: (connection) => injector.injectConnection(connection),
    paths: browserPaths,
    maxMessageBytes: maxFrameBytes,
    arriving: (cut, authorization) => unfinished.begin(cut, authorization),
    origins: {
      others: config.webOrigins,
      secure: config.tls !== undefined,
      ownNames: config.auth.kind === 'none' ? ownNames(config) : undefined,
    },
    credentials: { [doorKeyHeader]: doorKey },
    malformed: (what) => cutFor(errors, new Refused('FRAME_INVALID', what)),
  });
}

/** Names that whoever set this server up has given it. */
function ownNames({ httpListen, media }: Config): readonly string[] {
  const publicName = media.publicUrl === '' ? [] : [new URL(media.publicUrl).hostname];
  return [httpListen.host.toLowerCase(), ...publicName];
}
