import type { SecureServerOptions } from 'node:http2';
import {
  handshakeMs,
  maxHeaderBytes,
  maxHeaderFields,
  maxInvalidFrames,
  maxRejectedStreams,
  maxResetStreams,
  maxResetStreamsPerSecond,
  unknownProtocolMs,
} from '../domain/connection-limits.ts';

/** What a connection by HTTP/2 may do, on both ports. nghttp2 has limits of its own for CONTINUATION, PING and SETTINGS. */
export function http2Options(maxStreamsPerConnection: number): SecureServerOptions {
  return {
    handshakeTimeout: handshakeMs,
    unknownProtocolTimeout: unknownProtocolMs,
    maxHeaderListPairs: maxHeaderFields,
    maxSessionInvalidFrames: maxInvalidFrames,
    maxSessionRejectedStreams: maxRejectedStreams,
    streamResetBurst: maxResetStreams,
    streamResetRate: maxResetStreamsPerSecond,
    settings: { maxConcurrentStreams: maxStreamsPerConnection, maxHeaderListSize: maxHeaderBytes },
  };
}
