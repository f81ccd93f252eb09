/**
 * What a connection may cost before anybody has said who they are. Each number has its unit last in its name and its reason beside it;
 * `assertConnectionLimits` states how they must relate, and is called once at start. Numbers of connections are settings.
 */

import { maxFrameBytes } from './limits.ts';

const kibibyte = 1_024;
const mebibyte = 1_024 * kibibyte;

/** A TLS handshake. It takes three round trips at most: this is enough for a satellite and a lost packet on each. */
export const handshakeMs = 10_000;

/** From the first packet to HTTP/2's preface or the head of the first HTTP/1 request. The handshake is within it. */
export const firstRequestMs = 15_000;

/** The head of any further HTTP/1 request, from its first byte to its last. */
export const requestHeadMs = 10_000;

/** How late a connection or request that is over its time may be ended; one timer looks at all of them. */
export const connectionSweepMs = 1_000;

/** From telling a client that its connection ends to closing it, whether or not the client has closed its half. */
export const closingMs = 1_000;

/** What clients that negotiate neither HTTP/2 nor HTTP/1 have to read the answer. */
export const unknownProtocolMs = 1_000;

/** Names and values of a request's headers: what Envoy passes on (16 KiB, for an issuer's longest tokens) and what it adds. */
export const maxHeaderBytes = 24 * kibibyte;

/** Header fields of a request: Envoy's 100 and what it adds. */
export const maxHeaderFields = 128;

/** From a call's headers to the end of its request, except a chat stream's. 4 MiB on a line of 1.2 Mbit/s take as long. */
export const requestBodyMs = 30_000;

/** From a chat stream's headers to its Hello. A client has it ready when it opens the stream. */
export const helloMs = 10_000;

/** One request while it arrives: a frame is refused beyond its own limit, and a chat stream may send one behind its Hello. */
export const maxRequestBytes = 2 * maxFrameBytes;

/**
 * Bytes of a request that may arrive before authentication, where it is required: sign-in needs a name and a password or a token. So callers without an
 * account cannot use up the space of others' requests.
 */
export const maxUnprovenRequestBytes = 16 * kibibyte;

/** Requests that have begun to arrive, in all. With more, the oldest is refused: an honest one is complete within a round trip or two. */
export const maxUnfinishedBytes = 32 * mebibyte;

/**
 * Concurrent health watches, which never end, in total: balancers have one each, Envoy's clients none. Otherwise each connection could have a hundred,
 * of 5 KB each.
 */
export const maxHealthWatchStreams = 1_000;

/** Streams of a connection that its client may reset at once (CVE-2023-44487): node:http2's default, above what proxies and the browser's door use a connection for. */
export const maxResetStreams = 1_000;

/** Those that it may reset again each second. */
export const maxResetStreamsPerSecond = 33;

/**
 * Streams that all clients of one address (proxies excepted) may reset at once: 50 clients that each cancel four calls in the same moment. A further
 * reset closes its connection.
 */
export const maxAddressResetStreams = 200;

/** Those that they may reset again each second. */
export const addressResetStreamsPerSecond = 20;

/**
 * Unauthenticated or unimplemented calls of all clients of one address, at once. Clients renew their tokens before they expire: this many may be late. A
 * further one closes its connection.
 */
export const maxAddressRefusedCalls = 20;

/** A call that was refused while its request arrived counts as so many: no client that works compresses, or brings much without a token. */
export const refusedRequestCalls = 4;

/** Those that they may make again each second. */
export const addressRefusedCallsPerSecond = 2;

/**
 * How long an address is blocked after a connection was closed for resets or refused calls. Until then a connection may cost up to 50 ms of CPU (64 KiB
 * of streams that are read at once), once per this time. Open connections of the address stay.
 */
export const addressPenaltyMs = 30_000;

/**
 * Calls of one authenticated client that end with a refusal it can cause, at once. A client that works waits for RetryInfo's delay; one whose outbox sends
 * everything again after an outage has some hundreds refused at most.
 */
export const maxAccountRefusedCalls = 300;

/** Those that it may make again each second. */
export const accountRefusedCallsPerSecond = 10;

/** How long calls of a client are refused by their headers after that. Its open streams go on. */
export const accountPenaltyMs = 30_000;

/** How late such a refusal is sent: each loop of the client makes one call in this time. */
export const heldRefusalMs = 1_000;

/** Refusals that are held back at once, of all clients; further ones are sent without delay. */
export const maxHeldCalls = 200;

/** Invalid frames before a connection is closed; a client that works sends none. */
export const maxInvalidFrames = 100;

/** Streams beyond the limit of a connection before it is closed. Clients that have not read the server's settings yet may open some. */
export const maxRejectedStreams = 100;

const relations: readonly (readonly [string, boolean])[] = [
  ['the handshake leaves time for the first request', handshakeMs < firstRequestMs],
  ['the head of the first HTTP/1 request is not over the first request', requestHeadMs <= firstRequestMs],
  ['deadlines are looked at often enough', 5 * connectionSweepMs <= helloMs],
  ['a Hello is due before the request of any other call', helloMs <= requestBodyMs],
  ['eight of the largest frames may arrive at once', 8 * maxFrameBytes <= maxUnfinishedBytes],
  ['a caller proves who they are before others have to make room', maxUnprovenRequestBytes < maxFrameBytes],
  ['a refusal is sent while it is true', heldRefusalMs < accountPenaltyMs],
  ['headers fit into a frame', maxHeaderBytes < maxFrameBytes],
  ['an address may reset no more than a connection of a proxy', maxAddressResetStreams <= maxResetStreams],
  ['an address may not reset faster than a proxy', addressResetStreamsPerSecond <= maxResetStreamsPerSecond],
];

/** Throws when a relation between these limits does not hold: only a change of this file can cause that. */
export function assertConnectionLimits(): void {
  for (const [sentence, holds] of relations) {
    if (!holds) throw new Error(`connection-limits.ts: it must hold that ${sentence}`);
  }
}
