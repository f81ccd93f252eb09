import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { ChatServiceService, SendResponse } from '../../../src/gen/chat/v1/chat_service.ts';
import { GetUsageResponse, OperationsServiceService } from '../../../src/gen/chat/v1/operations_service.ts';

/** How a call ends: as it should, with UNAVAILABLE, or with the connection that it came by. */
export type Ending = 'ok' | 'unavailable' | 'cut';

/** A call that arrived. */
export interface Arrival {
  readonly method: 'Send' | 'GetUsage';
  readonly metadata: Metadata;
}

/** In the place of a gateway, to see what reaches one, and to fail as none would on demand. */
export interface StandInGateway extends AsyncDisposable {
  readonly address: string;
  readonly httpAddress: string;
}

/** `take` is told of each call, and says how it ends. */
export async function startStandIn(take: (arrival: Arrival) => Ending): Promise<StandInGateway> {
  const server = new Server();
  const answer =
    <Response>(method: Arrival['method'], response: Response) =>
    (call: ServerUnaryCall<unknown, Response>, callback: sendUnaryData<Response>) => {
      const ending = take({ method, metadata: call.metadata });
      if (ending === 'cut') server.drain(address, 0);
      else if (ending === 'unavailable') callback({ code: status.UNAVAILABLE, details: 'not now' });
      else callback(null, response);
    };
  // The other methods answer UNIMPLEMENTED.
  const methods = (some: object) => some as UntypedServiceImplementation;
  server.addService(ChatServiceService, methods({ send: answer('Send', SendResponse.create()) }));
  server.addService(OperationsServiceService, methods({ getUsage: answer('GetUsage', GetUsageResponse.create()) }));
  new HealthImplementation({ '': 'SERVING' }).addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const address = `127.0.0.1:${port}`;
  const pages = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await once(pages, 'listening');
  return {
    address,
    httpAddress: `127.0.0.1:${(pages.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
      pages.close();
      pages.closeAllConnections();
    },
  };
}
