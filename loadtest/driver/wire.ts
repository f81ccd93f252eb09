import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DescMessage, toBinary } from '@bufbuild/protobuf';
import type { StreamResponse, Transport } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-node';
import { grpc } from '../../src/client/node/grpc.ts';
import type { Wire } from '../../src/client/wire.ts';
import type { Target } from './load.ts';

/** How clients of this load reach the server; each session and each Parley has a connection of its own. */
export function wireTo({ address, httpAddress, load }: Pick<Target, 'address' | 'httpAddress' | 'load'>): Wire {
  return load.protocol === 'grpc' ? grpc({ address }) : grpcWebInNode(`http://${httpAddress}`);
}

/** gRPC-Web as browsers use it, except that connections are not shared between clients. */
export function grpcWebInNode(baseUrl: string): Wire {
  return {
    shape: 'split',
    connect: () => {
      const agent = new Agent({ keepAlive: true });
      const transport = createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions: { agent } });
      return { transport, close: () => agent.destroy() };
    },
  };
}

/** The same for a slow reader: a stream is read at this rate only, so that flow control holds the server back. */
export function slowWire(wire: Wire, bytesPerSecond: number): Wire {
  return {
    ...wire,
    connect: () => {
      const connection = wire.connect();
      return { transport: slowTransport(connection.transport, bytesPerSecond), close: () => connection.close() };
    },
  };
}

function slowTransport(transport: Transport, bytesPerSecond: number): Transport {
  return {
    unary: (...call) => transport.unary(...call),
    stream: async (...call) => {
      const response = await transport.stream(...call);
      return { ...response, message: readSlowly(response, bytesPerSecond) };
    },
  };
}

async function* readSlowly<I extends DescMessage, O extends DescMessage>(
  { message: messages, method }: StreamResponse<I, O>,
  bytesPerSecond: number,
) {
  for await (const message of messages) {
    yield message;
    await sleep((toBinary(method.output, message).length * 1_000) / bytesPerSecond);
  }
}
