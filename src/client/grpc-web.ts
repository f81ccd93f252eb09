import { createGrpcWebTransport } from '@connectrpc/connect-web';
import type { Wire } from './wire.ts';

/** gRPC-Web over `fetch`: of a browser, and of Node. @param baseUrl of the server's HTTP port, e.g. `https://chat.example.com` */
export function grpcWeb(baseUrl: string): Wire {
  return {
    shape: 'split',
    connect: () => {
      const over = new AbortController();
      const transport = createGrpcWebTransport({
        baseUrl,
        fetch: (input, init) => {
          const signal = init?.signal == null ? over.signal : AbortSignal.any([init.signal, over.signal]);
          return fetch(input, { ...init, signal });
        },
      });
      return { transport, close: () => over.abort() };
    },
  };
}
