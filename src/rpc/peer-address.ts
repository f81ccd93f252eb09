import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { Metadata } from '@grpc/grpc-js';
import type { CallOrigin } from '../app/caller.ts';

/** Metadata by which the door for browsers proves that a call comes through it. */
export const doorKeyHeader = 'x-parley-door';

const forwardedHeader = 'x-forwarded-for';

/** Groups of an IPv6 address that a network has: its other half is chosen by each machine, as often as it likes. */
const networkGroups = 4;
const allGroups = 8;

/** A call, as far as it tells who makes it. */
export interface AddressedCall {
  getPeer(): string;
  readonly metadata: Pick<Metadata, 'get'>;
}

/** Addresses and ranges, such as `10.0.0.0/8`. */
export class AddressRanges {
  readonly #list = new BlockList();

  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefixBits] = range.split('/');
      const family = familyOf(address);
      if (prefixBits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefixBits), family);
    }
  }

  /** An IPv4 address may be written as IPv6. */
  has(address: string): boolean {
    const plain = addressIn(address);
    return plain !== undefined && this.#list.check(plain, familyOf(plain));
  }
}

/** Addresses that are not of the internet: only there can somebody have put a proxy and not named it. */
const localRanges = new AddressRanges([
  ...['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['::1', 'fc00::/7', 'fe80::/10'],
]);

/** This machine's own: all that runs on it has them, clients and proxies alike. */
const ownAddresses = new AddressRanges(['127.0.0.1', '::1']);

/** The unit of counting: an IPv4 address, or the IPv6 network (/64) of an address; anything else unchanged. */
export function countedAddress(address: string): string {
  const plain = addressIn(address);
  return plain === undefined ? address : counted(plain);
}

export interface CallAddressOptions {
  /** Addresses of proxies. */
  readonly trusted: AddressRanges;
  /** How many proxies a call comes through at most. */
  readonly trustedHops: number;
  /** What the door for browsers, which is always trusted, sends as `x-parley-door`. */
  readonly doorKey: string;
  /** Whether a call from a private address with `x-forwarded-for` is treated as forwarded by an unnamed proxy. Such calls are counted by no address. */
  readonly allowUnnamedProxies: boolean;
}

/**
 * The client address of a call: the peer's, or, from a trusted proxy, the forwarded one. Each proxy appends its peer's address to `x-forwarded-for`. So
 * the list is read from its end: only while the writer of an entry is trusted, and at most as many entries as there are proxies. Entries before these
 * are written by clients, and may name anything.
 */
export class CallAddresses {
  readonly #options: CallAddressOptions;

  constructor(options: CallAddressOptions) {
    this.#options = options;
  }

  /** Whether an address is that of a trusted proxy. */
  isProxy(address: string): boolean {
    return this.#options.trusted.has(address);
  }

  /** The IPv4 address or the IPv6 network (/64) that the call comes from: attempts are counted by it. `clientAddress`: unless many have it. */
  originOf(call: AddressedCall): CallOrigin & { readonly address: string } {
    const { address, isShared } = this.#read(call);
    if (address === undefined) return { address: call.getPeer() };
    const shown = counted(address);
    return isShared ? { address: shown } : { address: shown, clientAddress: shown };
  }

  /** `address`: undefined for what has none. `isShared`: it is this machine's own, or a proxy's, which does not say whose call it passes on, or is not believed. */
  #read(call: AddressedCall): { readonly address: string | undefined; readonly isShared: boolean } {
    const { trusted, trustedHops, doorKey, allowUnnamedProxies } = this.#options;
    const before = call.metadata.get(forwardedHeader).join().split(',');
    const comesByDoor = call.metadata.get(doorKeyHeader).join() === doorKey;
    let address = comesByDoor ? addressIn(before.pop()) : addressOfPeer(call.getPeer());
    for (let hop = 0; hop < trustedHops && address !== undefined && trusted.has(address); hop += 1) {
      const said = addressIn(before.pop());
      // Who writes what is no address is not believed further.
      if (said === undefined) return { address, isShared: hop === 0 };
      address = said;
    }
    const isForwarded = before.some((entry) => entry.trim() !== '');
    const isUnnamedProxys = allowUnnamedProxies && isForwarded && localRanges.has(address ?? '');
    return { address, isShared: isUnnamedProxys || ownAddresses.has(address ?? '') };
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/** As grpc-js tells it: with a port, and IPv6 without brackets. undefined for what has no address, such as a Unix socket. */
function addressOfPeer(peer: string): string | undefined {
  return addressIn(peer.replace(/:\d+$/, '')) ?? addressIn(peer);
}

/** As proxies write it: some with a port, and then IPv6 in brackets. */
function addressIn(text = ''): string | undefined {
  const entry = text.trim();
  const [, bracketed, dotted] = /^(?:\[(.*)\](?::\d+)?|([\d.]+):\d+)$/.exec(entry) ?? [];
  const [address = ''] = (bracketed ?? dotted ?? entry).split('%');
  if (isIP(address) === 0) return undefined;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** One machine may have all addresses of its IPv6 network. */
function counted(address: string): string {
  return isIPv6(address) ? networkOf(address) : address;
}

function networkOf(address: string): string {
  const [left = '', right] = address.toLowerCase().split('::');
  const groups = groupsOf(left);
  const ending = right === undefined ? [] : groupsOf(right);
  const zeros = Array.from({ length: Math.max(0, allGroups - groups.length - ending.length) }, () => '0');
  const all = [...groups, ...zeros, ...ending].map((group) => group.replace(/^0+(?=.)/, ''));
  return `${all.slice(0, networkGroups).join(':')}::/64`;
}

function groupsOf(part: string): string[] {
  return part === '' ? [] : part.split(':');
}
